// Cards: video pictures and flat colours with shadow and ring (scene.plan.PictureLayer).

struct Shown {
    y0: vec4<f32>,
    y1: vec4<f32>,
    blue: vec2<f32>,
    red: vec2<f32>,
}

const MOST: i32 = 30;        // source columns under the kernels of four pixels, with steps of up to 4

// The picture of layer `n` at a block, straight from the planes of its source: the one kernel, widened when reducing.
fn sampled(n: u32, x: i32, y: i32) -> Shown {
    var shown: Shown;
    let step = vec2<f32>(layers[n].step_x, layers[n].step_y);
    let width = max(vec2<f32>(1.0), abs(step));
    let reach = 2.0 * width;
    var weights: array<vec4<f32>, MOST>;

    let xs = vec4<f32>(0.5, 1.5, 2.5, 3.5) + f32(x);
    let ys = vec2<f32>(0.5, 1.5) + f32(y);
    let across = (xs - layers[n].to_x) * step.x + layers[n].base_x;
    let down = (ys - layers[n].to_y) * step.y + layers[n].base_y;
    var first = i32(ceil(min(across.x, across.w) - reach.x));
    var count = min(MOST, i32(floor(max(across.x, across.w) + reach.x)) - first + 1);
    var total = vec4<f32>(0.0);
    for (var i = 0; i < count; i++) {
        weights[i] = cubic4((across - f32(first + i)) / width.x);
        total += weights[i];
    }
    var top = i32(ceil(min(down.x, down.y) - reach.y));
    var bottom = i32(floor(max(down.x, down.y) + reach.y));
    var total_down = vec2<f32>(0.0);
    for (var j = top; j <= bottom; j++) {
        let weight = cubic2((down - f32(j)) / width.y);
        total_down += weight;
        let row = layers[n].y_at + u32(clamp(j, layers[n].lo_y, layers[n].hi_y)) * layers[n].y_stride;
        var sum = vec4<f32>(0.0);
        for (var i = 0; i < count; i++) {
            sum += weights[i] * byte_at(row + u32(clamp(first + i, layers[n].lo_x, layers[n].hi_x)));
        }
        shown.y0 += weight.x * sum;
        shown.y1 += weight.y * sum;
    }
    shown.y0 = clamp(shown.y0 / (total * total_down.x), vec4<f32>(0.0), vec4<f32>(255.0)) - 16.0;
    shown.y1 = clamp(shown.y1 / (total * total_down.y), vec4<f32>(0.0), vec4<f32>(255.0)) - 16.0;

    let c_across = (vec2<f32>(0.5, 2.5) + f32(x) - layers[n].to_x) * (0.5 * step.x) + layers[n].c_base_x;
    let c_down = (f32(y) + 1.0 - layers[n].to_y) * (0.5 * step.y) + layers[n].c_base_y;
    first = i32(ceil(min(c_across.x, c_across.y) - reach.x));
    count = min(MOST, i32(floor(max(c_across.x, c_across.y) + reach.x)) - first + 1);
    total = vec4<f32>(0.0);
    for (var i = 0; i < count; i++) {
        let weight = cubic2((c_across - f32(first + i)) / width.x);
        weights[i] = weight.xyxy;
        total += weights[i];
    }
    top = i32(ceil(c_down - reach.y));
    bottom = i32(floor(c_down + reach.y));
    var total_row = 0.0;
    var both = vec4<f32>(0.0);             // blue, blue, red, red
    let together = (layers[n].flags & NV12) != 0u;
    for (var j = top; j <= bottom; j++) {
        let weight = cubic((c_down - f32(j)) / width.y);
        total_row += weight;
        let row = u32(clamp(j, layers[n].c_lo_y, layers[n].c_hi_y)) * layers[n].c_stride;
        var sum = vec4<f32>(0.0);
        for (var i = 0; i < count; i++) {
            let column = u32(clamp(first + i, layers[n].c_lo_x, layers[n].c_hi_x));
            if (together) {
                sum += weights[i] * pair_at(layers[n].u_at + row + 2u * column).xxyy;
            } else {
                let blue = byte_at(layers[n].u_at + row + column);
                let red = byte_at(layers[n].v_at + row + column);
                sum += weights[i] * vec4<f32>(blue, blue, red, red);
            }
        }
        both += weight * sum;
    }
    both = clamp(both / (total * total_row), vec4<f32>(0.0), vec4<f32>(255.0)) - 128.0;
    shown.blue = both.xy;
    shown.red = both.zw;
    return shown;
}

// A picture that other passes have made, on whole samples; its edge samples are repeated.
fn made(n: u32, x: i32, y: i32) -> Shown {
    var shown: Shown;
    let image = layers[n].luma;
    let j0 = clamp(y, image.y, image.y + image.h - 1);
    let j1 = clamp(y + 1, image.y, image.y + image.h - 1);
    for (var c = 0; c < 4; c++) {
        let i = clamp(x + c, image.x, image.x + image.w - 1);
        shown.y0[c] = luma_at(image, i, j0).x;
        shown.y1[c] = luma_at(image, i, j1).x;
    }
    let chroma = layers[n].chroma;
    let j = clamp(y >> 1u, chroma.y, chroma.y + chroma.h - 1);
    for (var c = 0; c < 2; c++) {
        let both = chroma_at(chroma, clamp((x >> 1u) + c, chroma.x, chroma.x + chroma.w - 1), j);
        shown.blue[c] = both.x;
        shown.red[c] = both.y;
    }
    return shown;
}

// Shadow, then ring and picture side by side (scene.plan.PictureLayer).
fn lay_card(block: ptr<function, Block>, n: u32, x: i32, y: i32, places: Places) {
    var at = places;         // a value cannot be indexed by a loop
    let flags = layers[n].flags;
    let opacity = layers[n].opacity;
    var shadow: Ten;
    var ring: Ten;
    var cover: Ten;
    // Well inside: the middle of the block is at most 2.4 pixels away from its pixels' samples.
    let middle_x = vec4<f32>(0.5 * (at.xs[2].x + at.xs[0].w));
    let middle = distance4(n, middle_x, 0.5 * (at.ys[0] + at.ys[1]), 0.0).x;
    let deep = middle < -4.5 && opacity >= 1.0;
    let square = (flags & BOX) != 0u;
    for (var k = 0; k < 3; k++) {
        if (deep) {
            cover.v[k] = vec4<f32>(1.0);
            continue;
        }
        let xs = at.xs[k];
        let ys = at.ys[k];
        if ((flags & SHADOW) != 0u) {
            let apart = abs(distance4(n, xs, ys, 0.0));
            let alpha = opacity * layers[n].shadow_opacity;
            shadow.v[k] = alpha * smooth4(layers[n].shadow_outer, layers[n].shadow_inner, apart);
        }
        // Of the outline, and of the outline grown by its border.
        let outlines = select(1, 2, (flags & BORDER) != 0u);
        for (var o = 0; o < outlines; o++) {
            let grown = o == 1;
            let covered = cover4(n, xs, ys, select(0.0, layers[n].border_width, grown),
                                 select(square, (flags & GROWN_BOX) != 0u, grown));
            if (grown) {
                let alpha = opacity * layers[n].border_opacity;
                ring.v[k] = alpha * max(covered - cover.v[k], vec4<f32>(0.0));
            } else {
                cover.v[k] = covered;
            }
        }
        cover.v[k] *= opacity;
    }
    let cover_c = filtered(cover);
    let ring_c = filtered(ring);
    var y0 = ring.v[0] * layers[n].border_y;
    var y1 = ring.v[1] * layers[n].border_y;
    var blue = ring_c * layers[n].border_b;
    var red = ring_c * layers[n].border_r;
    let any_luma = max(cover.v[0], cover.v[1]);
    if (max(max(cover_c.x, cover_c.y), max(max(any_luma.x, any_luma.y), max(any_luma.z, any_luma.w))) > 0.0) {
        var shown: Shown;
        if ((flags & FILL) != 0u) {
            shown.y0 = vec4<f32>(layers[n].fill_y);
            shown.y1 = shown.y0;
            shown.blue = vec2<f32>(layers[n].fill_b);
            shown.red = vec2<f32>(layers[n].fill_r);
        } else if ((flags & IMAGE) != 0u) {
            shown = made(n, x, y);
        } else {
            shown = sampled(n, x, y);
        }
        y0 += cover.v[0] * shown.y0;
        y1 += cover.v[1] * shown.y1;
        blue += cover_c * shown.blue;
        red += cover_c * shown.red;
    }
    lay(block, y0, y1, blue, red,
        (1.0 - shadow.v[0]) * (1.0 - ring.v[0] - cover.v[0]),
        (1.0 - shadow.v[1]) * (1.0 - ring.v[1] - cover.v[1]),
        (1.0 - filtered(shadow)) * (1.0 - ring_c - cover_c));
}
