// Any source to NV12, 4x2 pixels an invocation: two words of luma and the one word of chroma below them. Rows are whole
// words, so no word has two writers whatever the width; what lies beyond the width in the last word repeats the edge.

// The matrix stays: chroma has no say in luma.
override LUMA_ALONE: bool = false;

// Mean along row y over the pixels that target column i covers, as R, G, B.
fn rgb_mean(i: i32, y: i32) -> vec3<f32> {
  let x = 2 * i;
  if (TARGET_CENTER) {
    return 0.5 * (rgb_at(x, y) + rgb_at(x + 1, y));
  }
  return 0.25 * rgb_at(x - 1, y) + 0.5 * rgb_at(x, y) + 0.25 * rgb_at(x + 1, y);
}

// Source chroma of row j at target column i. Chroma that stays where it is is not resampled.
fn moved(i: i32, j: i32) -> vec2<f32> {
  if (SOURCE_CENTER == TARGET_CENTER) {
    return sample(i, j);
  }
  let x = 2 * i;
  if (TARGET_CENTER) {
    return 0.5 * (chroma_along(x, j) + chroma_along(x + 1, j));
  }
  return 0.25 * chroma_along(x - 1, j) + 0.5 * chroma_along(x, j) + 0.25 * chroma_along(x + 1, j);
}

// The components that give chroma sample (i, j) of the result. Luma has no say in it: grey is grey in every matrix.
fn for_chroma(i: i32, j: i32) -> vec3<f32> {
  if (SOURCE == RGB) {
    return 0.5 * (rgb_mean(i, 2 * j) + rgb_mean(i, 2 * j + 1));
  }
  if (SOURCE == PACKED) {
    return vec3<f32>(0.0, 0.5 * (moved(i, row(2 * j)) + moved(i, row(2 * j + 1))));
  }
  return vec3<f32>(0.0, moved(i, j));
}

// Four samples of row y from column x on.
fn luma_word(x: i32, y: i32) -> u32 {
  var word = 0u;
  for (var k = 0; k < 4; k++) {
    var v = vec3<f32>(0.0);
    if (SOURCE == RGB) {
      v = rgb_at(x + k, y);
    } else if (LUMA_ALONE) {
      v.x = luma_at(x + k, y);
    } else {
      v = vec3<f32>(luma_at(x + k, y), chroma_at(x + k, y));
    }
    word |= code(p.m0, v) << (8u * u32(k));
  }
  return word;
}

fn chroma_word(i: i32, j: i32) -> u32 {
  var word = 0u;
  for (var k = 0; k < 2; k++) {
    let v = for_chroma(i + k, j);
    word |= (code(p.m1, v) | (code(p.m2, v) << 8u)) << (16u * u32(k));
  }
  return word;
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let rows = (p.size.y + 1u) / 2u;
  if (id.x >= p.made.x || id.y >= rows) {
    return;
  }
  let x = i32(4u * id.x);
  for (var y = 2u * id.y; y < min(2u * id.y + 2u, p.size.y); y++) {
    put(y * p.made.x + id.x, luma_word(x, i32(y)));
  }
  put(p.made.z + id.y * p.made.y + id.x, chroma_word(i32(2u * id.x), i32(id.y)));
}
