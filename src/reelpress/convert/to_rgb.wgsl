// Any source to RGBA or BGRA: one pixel, one word, one invocation.
override SWAPPED: bool = false; // B, G, R, A

@compute @workgroup_size(16, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= p.size.x || id.y >= p.size.y) {
    return;
  }
  let v = components(i32(id.x), i32(id.y));
  let r = code(p.m0, v);
  let g = code(p.m1, v);
  let b = code(p.m2, v);
  var alpha = 255u;
  if (SOURCE == RGB) {
    alpha = byte_at(id.y * p.stride.x + 4u * id.x + AT3);
  }
  let first = select(r, b, SWAPPED);
  let third = select(b, r, SWAPPED);
  put(id.y * p.made.x + id.x, first | (g << 8u) | (third << 16u) | (alpha << 24u));
}
