// What all shaders share: the buffers, the record of a layer, images between two passes, the kernel.
//
// Values. Colours are "centred" codes of BT.709 limited: Y - 16, Cb - 128, Cr - 128, so that black (and nothing) is 0 and
// premultiplied colour is code times coverage. Blending them is blending R'G'B' (both are affine images of each other).
//
// Grids. Luma sample (i, j) lies at pixel position (i + 0.5, j + 0.5), chroma sample (i, j) at (2 i + 0.5, 2 j + 1). Sample
// numbers count from the output frame's first one; a frame grown for motion blur begins at negative ones.
//
// Images lie in `canvas`, in fixed point that holds 0 and 1 exactly: of luma one word a sample, 19 bits of Y' and 13 of
// coverage, of chroma two words, 24 bits of Cb' and of Cr', and 16 of coverage. (f16 would be off by a sixteenth of a code:
// enough to round a flat colour the other way.) Art lies in `arena`: f16 (Y', A); (Cb', Cr'), (A, 0).
// Sprites begin `canvas`, and stay there while they rest; all other images are made anew in every frame.

struct Image {
    at: u32,     // first word
    x: i32,      // number of the first sample
    y: i32,
    w: i32,
    h: i32,
}

// One layer; every member is four bytes. Written by layers.py: keep the two in step.
struct Layer {
    kind: u32,
    flags: u32,
    x0: i32,                 // whole pixels that it can touch
    y0: i32,
    x1: i32,
    y1: i32,
    opacity: f32,
    amount: f32,             // of an effect
    cx: f32,                 // outline: centre, half size, radii
    cy: f32,
    hw: f32,
    hh: f32,
    r_top: f32,
    r_bottom: f32,
    shadow_outer: f32,       // alpha is 0 from here on, ...
    shadow_inner: f32,       // ... and full from here on inwards
    shadow_opacity: f32,
    border_width: f32,
    border_opacity: f32,
    border_y: f32,
    border_b: f32,
    border_r: f32,
    fill_y: f32,
    fill_b: f32,
    fill_r: f32,
    y_at: u32,               // planes of a source: first byte and bytes a row
    u_at: u32,
    v_at: u32,
    y_stride: u32,
    c_stride: u32,
    to_x: f32,               // sample = (position - to) * step + base; chroma with half the step
    to_y: f32,
    step_x: f32,
    step_y: f32,
    base_x: f32,
    base_y: f32,
    lo_x: i32,               // samples of luma that may be used
    hi_x: i32,
    lo_y: i32,
    hi_y: i32,
    c_base_x: f32,
    c_base_y: f32,
    c_lo_x: i32,
    c_hi_x: i32,
    c_lo_y: i32,
    c_hi_y: i32,
    luma: Image,
    chroma: Image,
    m: array<f32, 9>,
    spare: array<u32, 7>,
}

@group(0) @binding(1) var<storage, read> arena: array<u32>;
@group(0) @binding(2) var<storage, read> layers: array<Layer>;
@group(0) @binding(3) var<storage, read> blocks: array<vec4<u32>>;  // first column and row of tiles, columns, rows
@group(0) @binding(4) var<storage, read_write> canvas: array<u32>;
@group(0) @binding(5) var<storage, read_write> result: array<u32>;

const BOX: u32 = 1u;         // flags: an outline of radius 0
const SQUIRCLE: u32 = 2u;
const SHADOW: u32 = 4u;
const BORDER: u32 = 8u;
const FILL: u32 = 16u;       // a card of one colour
const IMAGE: u32 = 32u;      // a card whose picture has been made by other passes
const NV12: u32 = 64u;
const ARENA: u32 = 128u;     // an image in `arena`, not in `canvas`
const GROWN_BOX: u32 = 256u; // so is the outline grown by its border

const WEIGHTS: vec3<f32> = vec3<f32>(0.2126, 0.7152, 0.0722);

// (Y', Cb', Cr')
fn codes_of(rgb: vec3<f32>) -> vec3<f32> {
    let light = dot(rgb, WEIGHTS);
    return vec3<f32>(219.0 * light, (rgb.b - light) * (224.0 / 1.8556), (rgb.r - light) * (224.0 / 1.5748));
}

// Keys' cubic convolution with a = -0.6 (design 4) for distances in samples.
fn cubic(distance: f32) -> f32 {
    let x = abs(distance);
    let near = ((1.4 * x - 2.4) * x) * x + 1.0;
    let far = ((-0.6 * x + 3.0) * x - 4.8) * x + 2.4;
    return select(select(0.0, far, x < 2.0), near, x < 1.0);
}

fn cubic2(distance: vec2<f32>) -> vec2<f32> {
    let x = abs(distance);
    let near = ((1.4 * x - 2.4) * x) * x + 1.0;
    let far = ((-0.6 * x + 3.0) * x - 4.8) * x + 2.4;
    return select(select(vec2<f32>(0.0), far, x < vec2<f32>(2.0)), near, x < vec2<f32>(1.0));
}

fn cubic4(distance: vec4<f32>) -> vec4<f32> {
    let x = abs(distance);
    let near = ((1.4 * x - 2.4) * x) * x + 1.0;
    let far = ((-0.6 * x + 3.0) * x - 4.8) * x + 2.4;
    return select(select(vec4<f32>(0.0), far, x < vec4<f32>(2.0)), near, x < vec4<f32>(1.0));
}

// t * t * (3 - 2 t); `a` may be the larger one (the language's own smoothstep wants a < b).
fn smooth4(a: f32, b: f32, x: vec4<f32>) -> vec4<f32> {
    let t = clamp((x - a) / (b - a), vec4<f32>(0.0), vec4<f32>(1.0));
    return t * t * (3.0 - 2.0 * t);
}

fn byte_at(at: u32) -> f32 {
    return f32((arena[at >> 2u] >> ((at & 3u) * 8u)) & 0xffu);
}

// Two bytes side by side, the first at an even place.
fn pair_at(at: u32) -> vec2<f32> {
    let word = arena[at >> 2u] >> ((at & 2u) * 8u);
    return vec2<f32>(f32(word & 0xffu), f32((word >> 8u) & 0xffu));
}

fn inside(image: Image, i: i32, j: i32) -> bool {
    return i >= image.x && j >= image.y && i < image.x + image.w && j < image.y + image.h;
}

// (Y', A) of an image in `canvas`; nothing outside of it.
fn luma_at(image: Image, i: i32, j: i32) -> vec2<f32> {
    if (!inside(image, i, j)) {
        return vec2<f32>(0.0);
    }
    let word = canvas[image.at + u32((j - image.y) * image.w + i - image.x)];
    return vec2<f32>(f32(word >> 13u) * (1.0 / 1024.0) - 256.0, f32(word & 0x1fffu) * (1.0 / 4096.0));
}

// (Cb', Cr', A)
fn chroma_at(image: Image, i: i32, j: i32) -> vec3<f32> {
    if (!inside(image, i, j)) {
        return vec3<f32>(0.0);
    }
    let at = image.at + 2u * u32((j - image.y) * image.w + i - image.x);
    let first = canvas[at];
    let second = canvas[at + 1u];
    let cover = (first & 0xffu) | ((second & 0xffu) << 8u);
    return vec3<f32>(vec2<f32>(f32(first >> 8u), f32(second >> 8u)) * (1.0 / 32768.0) - 256.0, f32(cover) * (1.0 / 32768.0));
}

fn store_luma(image: Image, i: i32, j: i32, value: vec2<f32>) {
    let code = u32(clamp(floor((value.x + 256.0) * 1024.0 + 0.5), 0.0, 524287.0));
    let cover = u32(clamp(value.y, 0.0, 1.0) * 4096.0 + 0.5);
    canvas[image.at + u32((j - image.y) * image.w + i - image.x)] = (code << 13u) | cover;
}

fn store_chroma(image: Image, i: i32, j: i32, value: vec3<f32>) {
    let at = image.at + 2u * u32((j - image.y) * image.w + i - image.x);
    let codes = vec2<u32>(clamp(floor((value.xy + 256.0) * 32768.0 + 0.5), vec2<f32>(0.0), vec2<f32>(16777215.0)));
    let cover = u32(clamp(value.z, 0.0, 1.0) * 32768.0 + 0.5);
    canvas[at] = (codes.x << 8u) | (cover & 0xffu);
    canvas[at + 1u] = (codes.y << 8u) | (cover >> 8u);
}

fn share_of(interval_start: f32, interval_end: f32, centres: vec4<f32>) -> vec4<f32> {
    let covered = min(centres + 0.5, vec4<f32>(interval_end)) - max(centres - 0.5, vec4<f32>(interval_start));
    return clamp(covered, vec4<f32>(0.0), vec4<f32>(1.0));
}
