// Sprites: an image file placed, turned, blurred and clipped, as scene.plan.SpriteLayer says. Two passes: one puts the
// image on whole pixels (premultiplied R'G'B'A), the other makes luma and chroma of that, motion blur and clip included.
// All loops stay loops: see block.wgsl.

struct Job {
    source: Image,           // in `arena`: straight RGBA, a byte each; its first sample is number (x, y) of the file
    art: Image,              // in `canvas`: premultiplied R'G'B'A, 16 bits each
    luma: Image,             // what is made of it
    chroma: Image,
    taps: i32,               // of the motion blur; 1: there is none
    clip: u32,               // number of the record whose outline clips, and ALL_OF_IT if none does
    base_x: f32,             // where the first pixel of `art` looks, in samples of the file; if it is turned in ...
    base_y: f32,             // ... pixels of the upright image, the first of which is number 0
    step_x: f32,             // samples of the file a pixel
    step_y: f32,
    cos: f32,
    sin: f32,
    dx: f32,                 // the motion blur, as in the plan
    dy: f32,
    spread: f32,
    origin_x: f32,
    origin_y: f32,
}

@group(0) @binding(0) var<storage, read> job: Job;

const ALL_OF_IT: u32 = 0xffffffffu;

// Alpha in 0..1, colour in 0..alpha: kernels overshoot.
fn clamped(color: vec4<f32>) -> vec4<f32> {
    let alpha = clamp(color.a, 0.0, 1.0);
    return vec4<f32>(clamp(color.rgb, vec3<f32>(0.0), vec3<f32>(alpha)), alpha);
}

// The image resampled with the one kernel, at a place in samples of the file; nothing beyond its edges.
fn resampled(place: vec2<f32>) -> vec4<f32> {
    let wide = max(vec2<f32>(job.step_x, job.step_y), vec2<f32>(1.0));
    let first = vec2<i32>(ceil(place - 2.0 * wide));
    let last = vec2<i32>(floor(place + 2.0 * wide));
    // Weights of a kernel that is not widened add up to 1; else those of samples that there are not count, too.
    var total = vec2<f32>(1.0);
    if (wide.x > 1.0) {
        total.x = 0.0;
        for (var i = first.x; i <= last.x; i++) {
            total.x += cubic((place.x - f32(i)) / wide.x);
        }
    }
    if (wide.y > 1.0) {
        total.y = 0.0;
        for (var j = first.y; j <= last.y; j++) {
            total.y += cubic((place.y - f32(j)) / wide.y);
        }
    }
    let low = max(first, vec2<i32>(job.source.x, job.source.y));
    let high = min(last, vec2<i32>(job.source.x + job.source.w, job.source.y + job.source.h) - 1);
    var sum = vec4<f32>(0.0);
    for (var j = low.y; j <= high.y; j++) {
        let row = i32(job.source.at) + (j - job.source.y) * job.source.w - job.source.x;
        var line = vec4<f32>(0.0);
        for (var i = low.x; i <= high.x; i++) {
            let color = unpack4x8unorm(arena[row + i]);
            line += cubic((place.x - f32(i)) / wide.x) * vec4<f32>(color.rgb * color.a, color.a);
        }
        sum += cubic((place.y - f32(j)) / wide.y) * line;
    }
    return clamped(sum / (total.x * total.y));
}

fn store_art(id: vec3<u32>, color: vec4<f32>) {
    let at = job.art.at + 2u * (id.y * u32(job.art.w) + id.x);
    canvas[at] = pack2x16unorm(color.rg);
    canvas[at + 1u] = pack2x16unorm(color.ba);
}

@compute @workgroup_size(8, 8)
fn sprite_upright(@builtin(global_invocation_id) id: vec3<u32>) {
    if (i32(id.x) >= job.art.w || i32(id.y) >= job.art.h) {
        return;
    }
    let place = vec2<f32>(job.base_x, job.base_y) + vec2<f32>(id.xy) * vec2<f32>(job.step_x, job.step_y);
    store_art(id, resampled(place));
}

// --- turned ----------------------------------------------------------------------------------------------------------

// A group's 8x8 pixels are a turned square on the upright image, less than 10 pixels wide, and their kernels reach one
// pixel before and two after each place: 14 by 14 at most. They are resampled once for all.
const SIDE: u32 = 14u;

var<workgroup> upright: array<vec4<f32>, 196>;

fn looked_up(id: vec2<f32>) -> vec2<f32> {
    return vec2<f32>(job.base_x + job.cos * id.x + job.sin * id.y, job.base_y - job.sin * id.x + job.cos * id.y);
}

@compute @workgroup_size(8, 8)
fn sprite_turned(@builtin(global_invocation_id) id: vec3<u32>, @builtin(workgroup_id) group: vec3<u32>,
                 @builtin(local_invocation_index) local: u32) {
    let corner = vec2<f32>(group.xy * 8u);
    let one = looked_up(corner);
    let across = 7.0 * vec2<f32>(job.cos, -job.sin);
    let down = 7.0 * vec2<f32>(job.sin, job.cos);
    // A trifle less, as the same place may come out a trifle less where it is worked out another way.
    let first = floor(one + min(across, vec2<f32>(0.0)) + min(down, vec2<f32>(0.0)) - 1e-3) - 1.0;
    for (var n = local; n < SIDE * SIDE; n += 64u) {
        let number = first + vec2<f32>(f32(n % SIDE), f32(n / SIDE));
        upright[n] = resampled((number + 0.5) * vec2<f32>(job.step_x, job.step_y) - 0.5);
    }
    workgroupBarrier();
    if (i32(id.x) >= job.art.w || i32(id.y) >= job.art.h) {
        return;
    }
    let place = looked_up(vec2<f32>(id.xy)) - first;
    let low = floor(place);
    var sum = vec4<f32>(0.0);
    for (var j = -1; j < 3; j++) {
        let row = u32(i32(low.y) + j) * SIDE;
        var line = vec4<f32>(0.0);
        for (var i = -1; i < 3; i++) {
            line += cubic(place.x - low.x - f32(i)) * upright[min(row + u32(i32(low.x) + i), SIDE * SIDE - 1u)];
        }
        sum += cubic(place.y - low.y - f32(j)) * line;
    }
    store_art(id, clamped(sum));
}

// --- luma and chroma -------------------------------------------------------------------------------------------------

fn art_at(i: i32, j: i32) -> vec4<f32> {
    if (!inside(job.art, i, j)) {
        return vec4<f32>(0.0);
    }
    let at = job.art.at + 2u * u32((j - job.art.y) * job.art.w + i - job.art.x);
    return vec4<f32>(unpack2x16unorm(canvas[at]), unpack2x16unorm(canvas[at + 1u]));
}

// The mean over the taps of the motion blur (scene.plan.Blur, sprites).
fn blurred(i: i32, j: i32) -> vec4<f32> {
    if (job.taps == 1) {
        return art_at(i, j);
    }
    let origin = vec2<f32>(job.origin_x, job.origin_y);
    let from_origin = vec2<f32>(f32(i), f32(j)) + 0.5 - origin;
    var sum = vec4<f32>(0.0);
    var total = 0.0;
    for (var k = 0; k < job.taps; k++) {
        let p = (f32(k) + 0.5) / f32(job.taps);
        let weight = select(1.0, p - p * p, job.spread != 0.0);
        total += weight;
        let at = origin + (from_origin - (p - 0.5) * vec2<f32>(job.dx, job.dy)) / (1.0 + (p - 0.5) * job.spread) - 0.5;
        let low = vec2<i32>(floor(at));
        if (low.x < job.art.x - 1 || low.y < job.art.y - 1 || low.x >= job.art.x + job.art.w
            || low.y >= job.art.y + job.art.h) {
            continue;
        }
        let part = at - floor(at);
        for (var c = 0; c < 4; c++) {
            let beside = vec2<i32>(c & 1, c >> 1u);
            let share = select(1.0 - part, part, beside == vec2<i32>(1));
            sum += weight * share.x * share.y * art_at(low.x + beside.x, low.y + beside.y);
        }
    }
    return sum / total;
}

// The 16x16 pixels of a group's 8x8 chroma samples, and the column to the left of them.
const WIDE: u32 = 17u;

var<workgroup> pixels: array<vec4<f32>, 272>;

@compute @workgroup_size(8, 8)
fn sprite_sheet(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) own: vec3<u32>,
                @builtin(local_invocation_index) local: u32) {
    let x = job.luma.x + i32(group.x) * 16;
    let y = job.luma.y + i32(group.y) * 16;
    for (var n = local; n < WIDE * 16u; n += 64u) {
        let i = max(x - 1 + i32(n % WIDE), 0);  // the frame's first column is repeated
        let j = y + i32(n / WIDE);
        var color = blurred(i, j);
        if (job.clip != ALL_OF_IT) {
            let square = (layers[job.clip].flags & BOX) != 0u;
            color *= cover4(job.clip, vec4<f32>(f32(i) + 0.5), vec4<f32>(f32(j) + 0.5), 0.0, square).x;
        }
        pixels[n] = color;
    }
    workgroupBarrier();
    let i = job.chroma.x + i32(group.x * 8u + own.x);
    let j = job.chroma.y + i32(group.y * 8u + own.y);
    if (i >= job.chroma.x + job.chroma.w || j >= job.chroma.y + job.chroma.h) {
        return;
    }
    var sum = vec4<f32>(0.0);
    for (var r = 0u; r < 2u; r++) {
        let at = (2u * own.y + r) * WIDE + 2u * own.x;
        for (var c = 0u; c < 3u; c++) {
            let color = pixels[at + c];
            sum += select(0.125, 0.25, c == 1u) * color;
            if (c > 0u) {
                store_luma(job.luma, 2 * i + i32(c) - 1, 2 * j + i32(r), vec2<f32>(codes_of(color.rgb).x, color.a));
            }
        }
    }
    store_chroma(job.chroma, i, j, vec3<f32>(codes_of(sum.rgb).yz, sum.a));
}
