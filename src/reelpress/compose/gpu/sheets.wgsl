// Backgrounds and finished pictures: art, groups, warps, motion blur of a movement.

// Four codes of 16 bits, which hold floor(256 (code + 1/2)) (planar_background.store): the middle of what that stands for.
fn fine_codes(at: u32) -> vec4<f32> {
    let words = vec2<u32>(arena[at], arena[at + 1u]);
    let steps = vec4<u32>(words.x, words.x >> 16u, words.y, words.y >> 16u) & vec4<u32>(0xffffu);
    return (vec4<f32>(steps) - 127.5) * (1.0 / 256.0);
}

fn lay_ground(block: ptr<function, Block>, n: u32, x: i32, y: i32) {
    let column = u32(x >> 2u);             // rows of these planes begin on whole words, and the frame at (0, 0)
    let row = u32(y);
    let wide = layers[n].y_stride >> 2u;
    let at = (layers[n].y_at >> 2u) + row * wide + 2u * column;
    let y0 = fine_codes(at) - 16.0;
    let y1 = fine_codes(at + wide) - 16.0;
    let c = fine_codes((layers[n].u_at >> 2u) + (row >> 1u) * wide + 2u * column) - 128.0;
    let none = vec4<f32>(0.0);
    lay(block, y0, y1, c.xz, c.yw, none, none, none.xy);
}

struct Pair {
    luma: mat2x4<f32>,       // Y' of the upper and the lower row
    cover: mat2x4<f32>,
    blue: vec2<f32>,
    red: vec2<f32>,
    cover_c: vec2<f32>,
}

fn lay_pair(block: ptr<function, Block>, v: Pair, opacity: f32) {
    lay(block, opacity * v.luma[0], opacity * v.luma[1], opacity * v.blue, opacity * v.red,
        1.0 - opacity * v.cover[0], 1.0 - opacity * v.cover[1], 1.0 - opacity * v.cover_c);
}

fn art_luma(image: Image, i: i32, j: i32) -> vec2<f32> {
    if (!inside(image, i, j)) {
        return vec2<f32>(0.0);
    }
    return unpack2x16float(arena[image.at + u32((j - image.y) * image.w + i - image.x)]);
}

fn art_chroma(image: Image, i: i32, j: i32) -> vec3<f32> {
    if (!inside(image, i, j)) {
        return vec3<f32>(0.0);
    }
    let at = image.at + 2u * u32((j - image.y) * image.w + i - image.x);
    return vec3<f32>(unpack2x16float(arena[at]), unpack2x16float(arena[at + 1u]).x);
}

fn lay_art(block: ptr<function, Block>, n: u32, x: i32, y: i32) {
    var v: Pair;
    let image = layers[n].luma;
    let chroma = layers[n].chroma;
    let from_arena = (layers[n].flags & ARENA) != 0u;
    for (var r = 0; r < 2; r++) {
        for (var c = 0; c < 4; c++) {
            var s: vec2<f32>;
            if (from_arena) {
                s = art_luma(image, x + c, y + r);
            } else {
                s = luma_at(image, x + c, y + r);
            }
            v.luma[r][c] = s.x;
            v.cover[r][c] = s.y;
        }
    }
    for (var c = 0; c < 2; c++) {
        var s: vec3<f32>;
        if (from_arena) {
            s = art_chroma(chroma, (x >> 1u) + c, y >> 1u);
        } else {
            s = chroma_at(chroma, (x >> 1u) + c, y >> 1u);
        }
        v.blue[c] = s.x;
        v.red[c] = s.y;
        v.cover_c[c] = s.z;
    }
    lay_pair(block, v, layers[n].opacity);
}

// --- warps (scene.plan.GroupLayer) -----------------------------------------------------------------------------------

// Where a position of the output lies in the group; z is not above 0 where nothing is to be seen.
fn warped_to(n: u32, x: f32, y: f32) -> vec3<f32> {
    let w = layers[n].m[6] * x + layers[n].m[7] * y + layers[n].m[8];
    let safe = select(1.0, w, w > 0.0);
    let to = vec2<f32>(layers[n].m[0] * x + layers[n].m[1] * y + layers[n].m[2],
                       layers[n].m[3] * x + layers[n].m[4] * y + layers[n].m[5]) / safe;
    return vec3<f32>(clamp(to, vec2<f32>(-1e6), vec2<f32>(1e6)), w);
}

fn covered(color: vec2<f32>, cover: f32, seen: bool) -> vec3<f32> {
    if (!seen || cover <= 0.0) {
        return vec3<f32>(0.0);
    }
    return vec3<f32>(color, cover) / max(cover, 1.0);
}

fn lay_warped(block: ptr<function, Block>, n: u32, x: i32, y: i32) {
    var v: Pair;
    let image = layers[n].luma;
    let chroma = layers[n].chroma;
    for (var r = 0; r < 2; r++) {
        for (var c = 0; c < 4; c++) {
            let to = warped_to(n, f32(x + c) + 0.5, f32(y + r) + 0.5);
            let at = to.xy - 0.5;
            let low = vec2<i32>(floor(at));
            var sum = vec2<f32>(0.0);
            for (var j = low.y - 1; j <= low.y + 2; j++) {
                var row = vec2<f32>(0.0);
                for (var i = low.x - 1; i <= low.x + 2; i++) {
                    row += cubic(at.x - f32(i)) * luma_at(image, i, j);
                }
                sum += cubic(at.y - f32(j)) * row;
            }
            let s = covered(vec2<f32>(sum.x, 0.0), sum.y, to.z > 0.0);
            v.luma[r][c] = s.x;
            v.cover[r][c] = s.z;
        }
    }
    for (var c = 0; c < 2; c++) {
        let to = warped_to(n, f32(x + 2 * c) + 0.5, f32(y) + 1.0);
        let at = (to.xy - vec2<f32>(0.5, 1.0)) * 0.5;
        let low = vec2<i32>(floor(at));
        var sum = vec3<f32>(0.0);
        for (var j = low.y - 1; j <= low.y + 2; j++) {
            var row = vec3<f32>(0.0);
            for (var i = low.x - 1; i <= low.x + 2; i++) {
                row += cubic(at.x - f32(i)) * chroma_at(chroma, i, j);
            }
            sum += cubic(at.y - f32(j)) * row;
        }
        let s = covered(sum.xy, sum.z, to.z > 0.0);
        v.blue[c] = s.x;
        v.red[c] = s.y;
        v.cover_c[c] = s.z;
    }
    lay_pair(block, v, layers[n].opacity);
}

// --- motion blur of a movement (scene.plan.Blur) ---------------------------------------------------------------------

// The movement in samples of a grid, and what the host has worked out of it: m = (dx, dy, step, last) of luma, of chroma.
struct Ray {
    d: vec2<f32>,
    step: f32,
    last: i32,
}

struct Tap {
    offset: vec2<i32>,       // where to look, in samples
    half: vec2<i32>,         // and where besides, when it lies half-way
    weight: f32,
}

fn tap_of(ray: Ray, k: i32) -> Tap {
    var tap: Tap;
    let size = abs(ray.d);
    let along_x = size.x >= size.y;
    let long = max(size.x, size.y);
    let at = f32(k) * ray.step;
    let low = max(at - 0.5 * ray.step, -0.5 * long);
    let high = min(at + 0.5 * ray.step, 0.5 * long);
    tap.weight = (high - low) / long;
    let beside = at * min(size.x, size.y) / long;
    let halves = i32(floor(2.0 * abs(beside) + 0.5)) * select(1, -1, beside < 0.0);
    let signs = vec2<i32>(select(1, -1, ray.d.x < 0.0), select(1, -1, ray.d.y < 0.0));
    let whole = i32(at);
    let twice = select(vec2<i32>(halves, 2 * whole), vec2<i32>(2 * whole, halves), along_x) * signs;
    // The layer moved by twice / 2: looked up at that much less.
    tap.offset = vec2<i32>(-((twice.x + 1) >> 1u), -((twice.y + 1) >> 1u));
    tap.half = twice & vec2<i32>(1);
    return tap;
}

fn lay_moved(block: ptr<function, Block>, n: u32, x: i32, y: i32) {
    var v: Pair;
    let image = layers[n].luma;
    let chroma = layers[n].chroma;
    let luma_ray = Ray(vec2<f32>(layers[n].m[0], layers[n].m[1]), layers[n].m[2], i32(layers[n].m[3]));
    let chroma_ray = Ray(vec2<f32>(layers[n].m[4], layers[n].m[5]), layers[n].m[6], i32(layers[n].m[7]));
    for (var k = -luma_ray.last; k <= luma_ray.last; k++) {
        var tap = tap_of(luma_ray, k);
        if (luma_ray.last == 0) {
            tap.weight = 1.0;
        }
        let at = vec2<i32>(x, y) + tap.offset;
        let both = tap.half.x != 0 || tap.half.y != 0;
        let weight = select(tap.weight, 0.5 * tap.weight, both);
        for (var r = 0; r < 2; r++) {
            for (var c = 0; c < 4; c++) {
                var s = luma_at(image, at.x + c, at.y + r);
                if (both) {
                    s += luma_at(image, at.x + c + tap.half.x, at.y + r + tap.half.y);
                }
                v.luma[r][c] += weight * s.x;
                v.cover[r][c] += weight * s.y;
            }
        }
    }
    for (var k = -chroma_ray.last; k <= chroma_ray.last; k++) {
        var tap = tap_of(chroma_ray, k);
        if (chroma_ray.last == 0) {
            tap.weight = 1.0;
        }
        let at = vec2<i32>(x >> 1u, y >> 1u) + tap.offset;
        let both = tap.half.x != 0 || tap.half.y != 0;
        let weight = select(tap.weight, 0.5 * tap.weight, both);
        for (var c = 0; c < 2; c++) {
            var s = chroma_at(chroma, at.x + c, at.y);
            if (both) {
                s += chroma_at(chroma, at.x + c + tap.half.x, at.y + tap.half.y);
            }
            v.blue[c] += weight * s.x;
            v.red[c] += weight * s.y;
            v.cover_c[c] += weight * s.z;
        }
    }
    lay_pair(block, v, layers[n].opacity);
}
