// Masks (scene.plan.EffectLayer).

// Weight at the ten pixels: to_x, to_y .. base_x, base_y are the rectangle, m[0] the feather.
fn weights_of(n: u32, places: Places) -> Ten {
    var at = places;
    let low = vec2<f32>(layers[n].to_x, layers[n].to_y);
    let high = vec2<f32>(layers[n].base_x, layers[n].base_y);
    let feather = layers[n].m[0];
    var ten: Ten;
    if (high.x <= low.x || high.y <= low.y) {
        return ten;
    }
    for (var k = 0; k < 3; k++) {
        let xs = at.xs[k];
        let ys = at.ys[k];
        if (feather <= 0.0) {
            ten.v[k] = share_of(low.x, high.x, xs) * share_of(low.y, high.y, ys);
        } else {
            let depth = min(min(xs - low.x, high.x - xs), min(ys - low.y, high.y - ys));
            ten.v[k] = smooth4(0.0, feather, depth);
        }
    }
    return ten;
}

fn darken(block: ptr<function, Block>, n: u32, at: Places) {
    let ten = weights_of(n, at);
    let amount = layers[n].amount;
    (*block).f0 *= 1.0 - amount * (1.0 - ten.v[0]);
    (*block).f1 *= 1.0 - amount * (1.0 - ten.v[1]);
    (*block).fc *= 1.0 - amount * (1.0 - filtered(ten));
}

// The sum over the vertical taps of what `blurred_across` has made: column i, around row j.
fn blurred_luma(n: u32, i: i32, j: i32) -> vec2<f32> {
    let image = Image(layers[n].y_at, layers[n].lo_x, layers[n].lo_y, layers[n].hi_x, layers[n].hi_y);
    let steps = i32(layers[n].y_stride);
    let column = clamp(i, image.x, image.x + image.w - 1);
    var sum = vec2<f32>(0.0);
    var total = 0.0;
    for (var k = -steps; k <= steps; k++) {
        let share = f32(k) / f32(steps);
        let weight = exp(-4.5 * share * share);
        let place = clamp(f32(j) + layers[n].amount * share, f32(image.y), f32(image.y + image.h - 1));
        let low = i32(floor(place));
        let part = place - f32(low);
        let next = min(low + 1, image.y + image.h - 1);
        sum += weight * mix(luma_at(image, column, low), luma_at(image, column, next), part);
        total += weight;
    }
    return sum / total;
}

fn blurred_chroma(n: u32, i: i32, j: i32) -> vec3<f32> {
    let image = Image(layers[n].u_at, layers[n].c_lo_x, layers[n].c_lo_y, layers[n].c_hi_x, layers[n].c_hi_y);
    let steps = i32(layers[n].y_stride);
    let column = clamp(i, image.x, image.x + image.w - 1);
    var sum = vec3<f32>(0.0);
    var total = 0.0;
    for (var k = -steps; k <= steps; k++) {
        let share = f32(k) / f32(steps);
        let weight = exp(-4.5 * share * share);
        let place = clamp(f32(j) + 0.5 * layers[n].amount * share, f32(image.y), f32(image.y + image.h - 1));
        let low = i32(floor(place));
        let part = place - f32(low);
        let next = min(low + 1, image.y + image.h - 1);
        sum += weight * mix(chroma_at(image, column, low), chroma_at(image, column, next), part);
        total += weight;
    }
    return sum / total;
}

// What lies below (finished, in an image) with the changed picture laid over it, where the mask has any weight. A mosaic's
// tables say for each column and row of both grids which sample is shown there: y_at, u_at, v_at and c_stride are their
// first words in `arena`.
fn lay_effect(block: ptr<function, Block>, n: u32, x: i32, y: i32, at: Places, mosaic: bool) {
    var v: Pair;
    var weight = weights_of(n, at);
    let weight_c = greatest(weight);
    let image = layers[n].luma;
    let chroma = layers[n].chroma;
    var hides = mat2x4<f32>(vec4<f32>(1.0), vec4<f32>(1.0));
    var hides_c = vec2<f32>(1.0);
    for (var r = 0; r < 2; r++) {
        for (var c = 0; c < 4; c++) {
            let i = x + c;
            let j = y + r;
            let share = weight.v[r][c];
            if (share <= 0.0 || !inside(image, i, j)) {
                continue;    // drawn as if there were no mask
            }
            var hidden: vec2<f32>;
            if (mosaic) {
                hidden = luma_at(image, i32(arena[layers[n].y_at + u32(i)]), i32(arena[layers[n].u_at + u32(j)]));
            } else {
                hidden = blurred_luma(n, i, j);
            }
            let s = select(mix(luma_at(image, i, j), hidden, share), hidden, share >= 1.0);
            hides[r][c] = 0.0;
            v.luma[r][c] = s.x;
            v.cover[r][c] = s.y;
        }
    }
    for (var c = 0; c < 2; c++) {
        let i = (x >> 1u) + c;
        let j = y >> 1u;
        let share = weight_c[c];
        if (share <= 0.0 || !inside(chroma, i, j)) {
            continue;
        }
        var hidden: vec3<f32>;
        if (mosaic) {
            let column = i32(arena[layers[n].v_at + u32(i)]);
            hidden = chroma_at(chroma, column, i32(arena[layers[n].c_stride + u32(j)]));
        } else {
            hidden = blurred_chroma(n, i, j);
        }
        let s = select(mix(chroma_at(chroma, i, j), hidden, share), hidden, share >= 1.0);
        hides_c[c] = 0.0;
        v.blue[c] = s.x;
        v.red[c] = s.y;
        v.cover_c[c] = s.z;
    }
    lay_pair(block, v, 1.0);
    // Nothing behind these samples shows: this is all that was there, with its own coverage.
    (*block).f0 *= hides[0];
    (*block).f1 *= hides[1];
    (*block).fc *= hides_c;
    (*block).o0 *= hides[0];
    (*block).o1 *= hides[1];
    (*block).oc *= hides_c;
}
