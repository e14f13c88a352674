// The one pass of a frame: every invocation makes 4x2 luma samples and two pairs of chroma samples, from the front layer
// to the back one, and leaves off where nothing behind shows. `to_nv12` writes finished packed samples, `to_canvas` the
// premultiplied picture of a group or of what lies below an effect.

struct Frame {
    first: u32,              // layers of this stack, bottom first
    count: u32,
    x: i32,                  // the frame, in pixels
    y: i32,
    w: i32,
    h: i32,
    blocks: u32,             // rectangles of tiles to draw, in `blocks`; 0: all of the frame
    luma: u32,               // nv12: first word and words a row. canvas: first word of luma and of chroma
    chroma: u32,
    words: u32,
    left: i32,               // first column of all of the frame, of which this may be a part
}

@group(0) @binding(0) var<storage, read> frame: Frame;

const CARD: u32 = 1u;
const COLOUR: u32 = 2u;      // a background of one colour
const GROUND: u32 = 3u;      // a background of 16-bit planes of the frame's size
const ART: u32 = 4u;         // premultiplied art on whole samples
const PIXELATE: u32 = 5u;
const BLUR: u32 = 6u;
const HIGHLIGHT: u32 = 7u;
const MOVED: u32 = 8u;       // an image with the motion blur of a movement
const WARPED: u32 = 9u;

// There are two variants of this shader, by a line added to it: `const ALL: bool`. Without it there are no masks, motion
// blur and warps: less to compile, and fewer registers for the frames that most are.

fn composed(x: i32, y: i32) -> Block {
    var block: Block;
    block.f0 = vec4<f32>(1.0);
    block.f1 = vec4<f32>(1.0);
    block.fc = vec2<f32>(1.0);
    block.t0 = vec4<f32>(1.0);
    block.t1 = vec4<f32>(1.0);
    block.tc = vec2<f32>(1.0);
    block.o0 = vec4<f32>(1.0);
    block.o1 = vec4<f32>(1.0);
    block.oc = vec2<f32>(1.0);
    var at: Places;
    at.xs[0] = vec4<f32>(0.5, 1.5, 2.5, 3.5) + f32(x);
    at.xs[1] = at.xs[0];
    at.xs[2] = vec4<f32>(f32(max(x - 1, frame.left)) + 0.5);
    at.ys[0] = vec4<f32>(f32(y) + 0.5);
    at.ys[1] = vec4<f32>(f32(y) + 1.5);
    at.ys[2] = vec4<f32>(0.5, 1.5, 0.5, 1.5) + f32(y);
    for (var n = frame.first + frame.count; n > frame.first;) {
        n--;
        if (x + 4 <= layers[n].x0 || x - 1 >= layers[n].x1 || y + 2 <= layers[n].y0 || y >= layers[n].y1) {
            continue;
        }
        switch (layers[n].kind) {
            case CARD: {
                lay_card(&block, n, x, y, at);
            }
            case COLOUR: {
                let none = vec4<f32>(0.0);
                let y0 = vec4<f32>(layers[n].fill_y);
                lay(&block, y0, y0, vec2<f32>(layers[n].fill_b), vec2<f32>(layers[n].fill_r), none, none, none.xy);
            }
            case GROUND: {
                lay_ground(&block, n, x, y);
            }
            case ART: {
                lay_art(&block, n, x, y);
            }
            case HIGHLIGHT: {
                darken(&block, n, at);
            }
            case PIXELATE, BLUR: {
                if (ALL) {
                    lay_effect(&block, n, x, y, at, layers[n].kind == PIXELATE);
                }
            }
            case MOVED: {
                if (ALL) {
                    lay_moved(&block, n, x, y);
                }
            }
            case WARPED: {
                if (ALL) {
                    lay_warped(&block, n, x, y);
                }
            }
            default: {}
        }
        // Where a highlight has made all black, coverage still counts.
        let left = max(max(block.f0, block.f1), max(block.t0 * block.o0, block.t1 * block.o1));
        let left_c = max(block.fc, block.tc * block.oc);
        if (max(max(max(left.x, left.y), max(left.z, left.w)), max(left_c.x, left_c.y)) <= 0.0) {
            break;
        }
    }
    return block;
}

// First pixel of this invocation's block.
fn corner(tile: vec2<u32>, local: vec3<u32>) -> vec2<i32> {
    return vec2<i32>(frame.x, frame.y) + vec2<i32>((tile * 8u + local.xy) * vec2<u32>(4u, 2u));
}

// Where a workgroup draws and writes.
struct Target {
    tile: vec2<u32>,         // column and row of its tile of 32x16 pixels
    luma: u32,               // first word of the plane that the tile belongs to, which begins ...
    chroma: u32,
    first: vec2<u32>,        // ... with this tile
    words: u32,              // a row of that plane
}

// Rectangles of tiles lie one after the other, each as a small NV12 picture of its own: rows that are copied in one go.
fn target_of(group: vec3<u32>) -> Target {
    if (frame.blocks == 0u) {
        return Target(group.xy, frame.luma, frame.chroma, vec2<u32>(0u), frame.words);
    }
    var left = group.x + group.y * 65535u;
    var at = 0u;
    for (var n = 0u; n < frame.blocks; n++) {
        let block = blocks[n];
        let tiles = block.z * block.w;
        if (left < tiles) {
            let words = block.z * 8u;
            let tile = block.xy + vec2<u32>(left % block.z, left / block.z);
            return Target(tile, at, at + words * block.w * 16u, block.xy, words);
        }
        left -= tiles;
        at += tiles * 192u;
    }
    return Target(vec2<u32>(u32(frame.w)), 0u, 0u, vec2<u32>(0u), 0u);  // one of those that round a dispatch up
}

fn code4(value: vec4<f32>) -> u32 {
    // Halves go up, also those that a few roundings have made a trifle less.
    let codes = vec4<u32>(clamp(floor(value + 0.50003), vec4<f32>(0.0), vec4<f32>(255.0)));
    return codes.x | (codes.y << 8u) | (codes.z << 16u) | (codes.w << 24u);
}

@compute @workgroup_size(8, 8)
fn to_nv12(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let place = target_of(group);
    let at = corner(place.tile, local);
    if (at.x >= frame.x + frame.w || at.y >= frame.y + frame.h) {
        return;
    }
    let block = composed(at.x, at.y);
    let word = (place.tile - place.first) * 8u + local.xy;  // of a row, and pairs of rows
    let luma = place.luma + 2u * word.y * place.words + word.x;
    let chroma = place.chroma + word.y * place.words + word.x;
    result[luma] = code4(block.y0 + 16.0);
    result[luma + place.words] = code4(block.y1 + 16.0);
    result[chroma] = code4(vec4<f32>(block.blue.x, block.red.x, block.blue.y, block.red.y) + 128.0);
}

@compute @workgroup_size(8, 8)
fn to_canvas(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let at = corner(group.xy, local);
    if (at.x >= frame.x + frame.w || at.y >= frame.y + frame.h) {
        return;
    }
    let block = composed(at.x, at.y);
    let luma = Image(frame.luma, frame.x, frame.y, frame.w, frame.h);
    let chroma = Image(frame.chroma, frame.x >> 1u, frame.y >> 1u, frame.w >> 1u, frame.h >> 1u);
    for (var c = 0; c < 4; c++) {
        if (at.x + c < frame.x + frame.w) {
            store_luma(luma, at.x + c, at.y, vec2<f32>(block.y0[c], 1.0 - block.t0[c]));
            store_luma(luma, at.x + c, at.y + 1, vec2<f32>(block.y1[c], 1.0 - block.t1[c]));
            if ((c & 1) == 0) {
                let half = c >> 1u;
                store_chroma(chroma, (at.x + c) >> 1u, at.y >> 1u,
                             vec3<f32>(block.blue[half], block.red[half], 1.0 - block.tc[half]));
            }
        }
    }
}
