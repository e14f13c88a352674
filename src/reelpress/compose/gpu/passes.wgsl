// Passes for what the one pass of a frame cannot do by itself: pictures that are reduced far, softened or graded; the
// horizontal half of a mask's blur; the steps of a scaling's motion blur; RGBA of a finished picture.

struct Job {
    source: Image,
    image: Image,            // what is made
    other: Image,            // chroma beside luma, where a pass needs both
    other_image: Image,
    chroma: u32,             // 1: images of chroma
    format: u32,             // source planes: 0 one plane, 1 interleaved. result: 0 RGBA, 1 BGRA
    at: u32,                 // first byte of a plane
    at_too: u32,             // and of Cr
    stride: u32,
    low: i32,                // samples that may be used
    high: i32,
    steps: i32,
    pitch: f32,              // pixels a sample, and where the first lies
    first: f32,
    to: f32,                 // sample = (position - to) * step + base
    step: f32,
    base: f32,
    width: f32,
    sigma: f32,
    amount: f32,
    ox: f32,                 // the point that stays, in samples; scales of the two places looked at
    oy: f32,
    near: f32,
    far: f32,
    rect: vec4<f32>,
    grade: array<vec4<f32>, 3>,   // exposure, contrast, saturation, temperature; tint, split tone, fade, vignette; grain
    seed: u32,
    left: i32,               // first column of the frame
}

@group(0) @binding(0) var<storage, read> job: Job;

// --- resampling in two steps, in f32 ---------------------------------------------------------------------------------

// Rows of the source (`image.y` on), each resampled to the columns wanted. One word a sample of luma, two of chroma.
@compute @workgroup_size(8, 8)
fn across(@builtin(global_invocation_id) id: vec3<u32>) {
    if (i32(id.x) >= job.image.w || i32(id.y) >= job.image.h) {
        return;
    }
    let column = job.image.x + i32(id.x);
    let row = u32(job.image.y) + id.y;
    let centre = (f32(column) * job.pitch + job.first - job.to) * job.step + job.base;
    let reach = 2.0 * job.width;
    var sum = vec2<f32>(0.0);
    var total = 0.0;
    for (var i = i32(ceil(centre - reach)); i <= i32(floor(centre + reach)); i++) {
        let weight = cubic((centre - f32(i)) / job.width);
        let at = u32(clamp(i, job.low, job.high));
        if (job.format == 1u && job.chroma == 1u) {
            sum += weight * pair_at(job.at + row * job.stride + 2u * at);
        } else if (job.chroma == 1u) {
            sum += weight * vec2<f32>(byte_at(job.at + row * job.stride + at), byte_at(job.at_too + row * job.stride + at));
        } else {
            sum.x += weight * byte_at(job.at + row * job.stride + at);
        }
        total += weight;
    }
    sum /= total;
    let place = id.y * u32(job.image.w) + id.x;
    if (job.chroma == 1u) {
        canvas[job.image.at + 2u * place] = bitcast<u32>(sum.x);
        canvas[job.image.at + 2u * place + 1u] = bitcast<u32>(sum.y);
    } else {
        canvas[job.image.at + place] = bitcast<u32>(sum.x);
    }
}

@compute @workgroup_size(8, 8)
fn down(@builtin(global_invocation_id) id: vec3<u32>) {
    if (i32(id.x) >= job.image.w || i32(id.y) >= job.image.h) {
        return;
    }
    let row = job.image.y + i32(id.y);
    let centre = (f32(row) * job.pitch + job.first - job.to) * job.step + job.base;
    let reach = 2.0 * job.width;
    var sum = vec2<f32>(0.0);
    var total = 0.0;
    for (var j = i32(ceil(centre - reach)); j <= i32(floor(centre + reach)); j++) {
        let weight = cubic((centre - f32(j)) / job.width);
        let place = u32(clamp(j, job.low, job.high) - job.source.y) * u32(job.source.w) + id.x;
        if (job.chroma == 1u) {
            let at = job.source.at + 2u * place;
            sum += weight * vec2<f32>(bitcast<f32>(canvas[at]), bitcast<f32>(canvas[at + 1u]));
        } else {
            sum.x += weight * bitcast<f32>(canvas[job.source.at + place]);
        }
        total += weight;
    }
    sum = clamp(sum / total, vec2<f32>(0.0), vec2<f32>(255.0));
    let column = job.image.x + i32(id.x);
    if (job.chroma == 1u) {
        store_chroma(job.image, column, row, vec3<f32>(sum - 128.0, 1.0));
    } else {
        store_luma(job.image, column, row, vec2<f32>(sum.x - 16.0, 1.0));
    }
}

// --- Gaussians -------------------------------------------------------------------------------------------------------

fn sample_of(image: Image, i: i32, j: i32) -> vec3<f32> {
    if (job.chroma == 1u) {
        return chroma_at(image, i, j);
    }
    return vec3<f32>(luma_at(image, i, j), 0.0);
}

fn store(i: i32, j: i32, value: vec3<f32>) {
    if (job.chroma == 1u) {
        store_chroma(job.image, i, j, value);
    } else {
        store_luma(job.image, i, j, value.xy);
    }
}

// A separable Gaussian, half of it; the edge samples of the source are repeated. `steps` is its radius, `left` 1 for rows.
@compute @workgroup_size(8, 8)
fn soften(@builtin(global_invocation_id) id: vec3<u32>) {
    if (i32(id.x) >= job.image.w || i32(id.y) >= job.image.h) {
        return;
    }
    let i = job.image.x + i32(id.x);
    let j = job.image.y + i32(id.y);
    let along_rows = job.left == 1;
    var sum = vec3<f32>(0.0);
    var total = 0.0;
    for (var k = -job.steps; k <= job.steps; k++) {
        let weight = exp(-f32(k * k) / (2.0 * job.sigma * job.sigma));
        let column = clamp(select(i, i + k, along_rows), job.source.x, job.source.x + job.source.w - 1);
        let row = clamp(select(j + k, j, along_rows), job.source.y, job.source.y + job.source.h - 1);
        sum += weight * sample_of(job.source, column, row);
        total += weight;
    }
    store(i, j, sum / total);
}

// The horizontal half of a mask's blur (scene.plan.Effect.BLUR); its taps stay between columns `low` and `high`.
@compute @workgroup_size(8, 8)
fn blur_across(@builtin(global_invocation_id) id: vec3<u32>) {
    if (i32(id.x) >= job.image.w || i32(id.y) >= job.image.h) {
        return;
    }
    let i = job.image.x + i32(id.x);
    let j = job.image.y + i32(id.y);
    var sum = vec3<f32>(0.0);
    var total = 0.0;
    for (var k = -job.steps; k <= job.steps; k++) {
        let share = f32(k) / f32(job.steps);
        let weight = exp(-4.5 * share * share);
        let place = clamp(f32(i) + job.amount * share, f32(job.low), f32(job.high));
        let low = i32(floor(place));
        let part = place - f32(low);
        sum += weight * mix(sample_of(job.source, low, j), sample_of(job.source, min(low + 1, job.high), j), part);
        total += weight;
    }
    store(i, j, sum / total);
}

// --- a step of a scaling's motion blur (scene.plan.Blur) -------------------------------------------------------------

fn between(x: f32, y: f32) -> vec3<f32> {
    let i = i32(floor(x));
    let j = i32(floor(y));
    let across = x - f32(i);
    let upper = mix(sample_of(job.source, i, j), sample_of(job.source, i + 1, j), across);
    let lower = mix(sample_of(job.source, i, j + 1), sample_of(job.source, i + 1, j + 1), across);
    return mix(upper, lower, y - f32(j));
}

// The mean of the picture scaled by 1 / near and by 1 / far; a scale of 1 is the sample itself.
@compute @workgroup_size(8, 8)
fn scale_mean(@builtin(global_invocation_id) id: vec3<u32>) {
    if (i32(id.x) >= job.image.w || i32(id.y) >= job.image.h) {
        return;
    }
    let i = job.image.x + i32(id.x);
    let j = job.image.y + i32(id.y);
    let from_point = vec2<f32>(f32(i) - job.ox, f32(j) - job.oy);
    var sum: vec3<f32>;
    if (job.near == 1.0) {
        sum = sample_of(job.source, i, j);
    } else {
        sum = between(job.ox + from_point.x * job.near, job.oy + from_point.y * job.near);
    }
    sum += between(job.ox + from_point.x * job.far, job.oy + from_point.y * job.far);
    store(i, j, 0.5 * sum);
}

// --- grading (scene.plan.Grade) --------------------------------------------------------------------------------------

fn smooth_between(a: f32, b: f32, x: f32) -> f32 {
    let t = clamp((x - a) / (b - a), 0.0, 1.0);
    return t * t * (3.0 - 2.0 * t);
}

fn rgb_of(y: f32, blue: f32, red: f32) -> vec3<f32> {
    let light = y / 219.0;
    let r = light + red * (1.5748 / 224.0);
    let b = light + blue * (1.8556 / 224.0);
    return vec3<f32>(r, (light - WEIGHTS.x * r - WEIGHTS.z * b) / WEIGHTS.y, b);
}

fn hash(x: u32, y: u32, k: u32) -> f32 {
    var h = x * 0x9E3779B1u + y * 0x85EBCA77u + k * 0xC2B2AE3Du;
    h ^= h >> 15u;
    h *= 0x2C1B3C6Du;
    h ^= h >> 12u;
    h *= 0x297A2D39u;
    h ^= h >> 15u;
    return f32(h >> 8u) / 16777216.0;
}

fn graded(rgb: vec3<f32>, i: i32, j: i32) -> vec3<f32> {
    let exposure = job.grade[0].x;
    let warm = job.grade[0].w;
    let tint = job.grade[1].x;
    let split = job.grade[1].y;
    let fade = job.grade[1].z;
    let vignette = job.grade[1].w;
    let grain = job.grade[2].x;
    var c = rgb * exp2(1.5 * exposure);
    c *= vec3<f32>(1.0 + 0.10 * warm + 0.04 * tint, 1.0 - 0.07 * tint, 1.0 - 0.10 * warm + 0.04 * tint);
    c = (c - 0.5) * (1.0 + job.grade[0].y) + 0.5;
    let grey = dot(c, WEIGHTS);
    c = grey + (c - grey) * (1.0 + job.grade[0].z);
    let light = dot(c, WEIGHTS);
    c += split * ((1.0 - smooth_between(0.2, 0.65, light)) * vec3<f32>(-0.06, 0.02, 0.08)
        + smooth_between(0.35, 0.8, light) * vec3<f32>(0.08, 0.02, -0.06));
    c = c * (1.0 - 0.18 * fade) + 0.09 * fade;
    let uv = (vec2<f32>(f32(i), f32(j)) + 0.5 - job.rect.xy) / job.rect.zw;
    c *= 1.0 - 0.65 * vignette * smooth_between(0.5, 1.5, 2.0 * length(uv - 0.5));
    let lit = clamp(dot(c, WEIGHTS), 0.0, 1.0);
    c += 0.175 * grain * (2.0 * hash(bitcast<u32>(i), bitcast<u32>(j), job.seed) - 1.0) * 4.0 * lit * (1.0 - lit);
    return clamp(c, vec3<f32>(0.0), vec3<f32>(1.0));
}

// Chroma at a luma sample, between the samples of `image` (its edge samples repeated): premultiplied, with coverage.
fn chroma_between(image: Image, i: i32, j: i32) -> vec3<f32> {
    let last = vec2<i32>(image.x + image.w, image.y + image.h) - 1;
    let place = clamp(vec2<f32>(0.5 * f32(i), 0.5 * f32(j) - 0.25),
                      vec2<f32>(f32(image.x), f32(image.y)), vec2<f32>(last));
    let low = vec2<i32>(floor(place));
    let next = min(low + 1, last);
    let part = place - vec2<f32>(low);
    let upper = mix(chroma_at(image, low.x, low.y), chroma_at(image, next.x, low.y), part.x);
    let lower = mix(chroma_at(image, low.x, next.y), chroma_at(image, next.x, next.y), part.x);
    return mix(upper, lower, part.y);
}

fn graded_at(i: i32, j: i32) -> vec3<f32> {
    let column = clamp(i, job.source.x, job.source.x + job.source.w - 1);
    let row = clamp(j, job.source.y, job.source.y + job.source.h - 1);
    let chroma = chroma_between(job.other, i, j);
    return codes_of(graded(rgb_of(luma_at(job.source, column, row).x, chroma.x, chroma.y), i, j));
}

// One chroma sample and its four pixels, of which `image` is the luma and `other_image` the chroma.
@compute @workgroup_size(8, 8)
fn grade(@builtin(global_invocation_id) id: vec3<u32>) {
    if (i32(id.x) >= job.other_image.w || i32(id.y) >= job.other_image.h) {
        return;
    }
    let i = job.other_image.x + i32(id.x);
    let j = job.other_image.y + i32(id.y);
    var chroma = vec2<f32>(0.0);
    for (var r = 0; r < 2; r++) {
        let row = 2 * j + r;
        for (var c = -1; c < 2; c++) {
            let made = graded_at(max(2 * i + c, job.left), row);
            chroma += select(0.125, 0.25, c == 0) * made.yz;
            if (c >= 0) {
                store_luma(job.image, 2 * i + c, row, vec2<f32>(made.x, 1.0));
            }
        }
    }
    store_chroma(job.other_image, i, j, vec3<f32>(chroma, 1.0));
}

// --- packed RGB ------------------------------------------------------------------------------------------------------

// `source` and `other` are luma and chroma of a finished picture; straight alpha, one word a pixel.
@compute @workgroup_size(8, 8)
fn to_rgba(@builtin(global_invocation_id) id: vec3<u32>) {
    if (i32(id.x) >= job.source.w || i32(id.y) >= job.source.h) {
        return;
    }
    let i = i32(id.x);
    let j = i32(id.y);
    let luma = luma_at(job.source, i, j);
    let chroma = chroma_between(job.other, i, j);
    var pixel = vec4<f32>(0.0);
    if (luma.y > 0.0) {
        let color = chroma.xy / max(chroma.z, 1e-4);
        pixel = vec4<f32>(rgb_of(luma.x / luma.y, color.x, color.y), luma.y);
    }
    if (job.format == 1u) {
        pixel = pixel.bgra;
    }
    result[job.at + id.y * job.stride + id.x] = pack4x8unorm(clamp(pixel, vec4<f32>(0.0), vec4<f32>(1.0)));
}
