// Where results go. Tests put a counter in place of this file, to see that every word is written once.
@group(0) @binding(2) var<storage, read_write> result: array<u32>;

fn put(at: u32, value: u32) {
  result[at] = value;
}
