// What both conversions share: parameters, and the components of the source at any pixel.
// Formulas: the rules of convert/base.py. Codes are 0..255, of P010 0..1023.

// Kinds of sources. R, G, B (or the first Y, Cb and Cr) lie AT0, AT1, AT2 bytes into a pixel (or macropixel).
const RGB = 0u;
const NV12 = 1u;
const I420 = 2u;
const PACKED = 3u;
const P010 = 4u;

override SOURCE: u32 = 0u;
override AT0: u32 = 0u;
override AT1: u32 = 1u;
override AT2: u32 = 2u;
override AT3: u32 = 3u;
override SOURCE_CENTER: bool = false;
override TARGET_CENTER: bool = false;

struct Params {
  size: vec4<u32>,   // width, height, chroma columns, chroma rows of the source
  stride: vec4<u32>, // bytes from row to row of each source plane
  start: vec4<u32>,  // byte at which each source plane begins
  made: vec4<u32>,   // words in a row of the result, words in a row of its chroma, first word of its chroma, 0
  black: vec4<f32>,  // codes of the source that stand for zero
  m0: vec4<f32>,     // rows of the matrix from codes of the source (less black) to codes of the result; w is added
  m1: vec4<f32>,
  m2: vec4<f32>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<u32>;

fn byte_at(at: u32) -> u32 {
  return (source[at >> 2u] >> ((at & 3u) * 8u)) & 255u;
}

// A little-endian 16-bit sample whose upper 10 bits count.
fn ten_bits_at(at: u32) -> u32 {
  return (byte_at(at) | (byte_at(at + 1u) << 8u)) >> 6u;
}

// Beyond the picture's edge the nearest pixel is repeated.
fn column(x: i32) -> i32 {
  return clamp(x, 0, i32(p.size.x) - 1);
}

fn row(y: i32) -> i32 {
  return clamp(y, 0, i32(p.size.y) - 1);
}

fn rgb_at(x: i32, y: i32) -> vec3<f32> {
  let at = u32(row(y)) * p.stride.x + 4u * u32(column(x));
  return vec3<f32>(f32(byte_at(at + AT0)), f32(byte_at(at + AT1)), f32(byte_at(at + AT2)));
}

fn luma_at(x: i32, y: i32) -> f32 {
  let line = u32(row(y)) * p.stride.x;
  let pixel = u32(column(x));
  if (SOURCE == PACKED) {
    return f32(byte_at(line + 4u * (pixel >> 1u) + AT0 + 2u * (pixel & 1u))) - p.black.x;
  }
  if (SOURCE == P010) {
    return f32(ten_bits_at(line + 2u * pixel)) - p.black.x;
  }
  return f32(byte_at(line + pixel)) - p.black.x;
}

// Chroma sample i of chroma row j, less its neutral code.
fn sample(i: i32, j: i32) -> vec2<f32> {
  let c = u32(clamp(i, 0, i32(p.size.z) - 1));
  let r = u32(clamp(j, 0, i32(p.size.w) - 1));
  var codes = vec2<u32>(0u, 0u);
  if (SOURCE == NV12) {
    let at = p.start.y + r * p.stride.y + 2u * c;
    codes = vec2<u32>(byte_at(at), byte_at(at + 1u));
  } else if (SOURCE == I420) {
    codes = vec2<u32>(byte_at(p.start.y + r * p.stride.y + c), byte_at(p.start.z + r * p.stride.z + c));
  } else if (SOURCE == PACKED) {
    let at = r * p.stride.x + 4u * c;
    codes = vec2<u32>(byte_at(at + AT1), byte_at(at + AT2));
  } else {
    let at = p.start.y + r * p.stride.y + 4u * c;
    codes = vec2<u32>(ten_bits_at(at), ten_bits_at(at + 2u));
  }
  return vec2<f32>(codes) - p.black.yz;
}

// Chroma of row j at pixel column x, linear between the samples: sample i lies at 2 i (left) or 2 i + 1/2 (center).
fn chroma_along(x: i32, j: i32) -> vec2<f32> {
  let pixel = column(x);
  let i = pixel >> 1u;
  let odd = (pixel & 1) == 1;
  if (SOURCE_CENTER) {
    return 0.75 * sample(i, j) + 0.25 * sample(select(i - 1, i + 1, odd), j);
  }
  if (odd) {
    return 0.5 * (sample(i, j) + sample(i + 1, j));
  }
  return sample(i, j);
}

// Chroma at a pixel. Rows of 4:2:0 lie half-way between the rows of luma with either siting.
fn chroma_at(x: i32, y: i32) -> vec2<f32> {
  let line = row(y);
  if (SOURCE == PACKED) {
    return chroma_along(x, line);
  }
  let j = line >> 1u;
  let next = select(j - 1, j + 1, (line & 1) == 1);
  return 0.75 * chroma_along(x, j) + 0.25 * chroma_along(x, next);
}

// The three components at a pixel: R, G, B, or Y, Cb, Cr less their zero.
fn components(x: i32, y: i32) -> vec3<f32> {
  if (SOURCE == RGB) {
    return rgb_at(x, y);
  }
  return vec3<f32>(luma_at(x, y), chroma_at(x, y));
}

// A code of the result, rounded to nearest.
fn code(m: vec4<f32>, v: vec3<f32>) -> u32 {
  return u32(floor(clamp(dot(m.xyz, v) + m.w, 0.0, 255.0) + 0.5));
}
