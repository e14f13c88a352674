// A block of 4x2 luma and 2x1 chroma samples: what has been gathered of it, and the positions that its chroma looks at.

// What has been gathered so far.
struct Block {
    y0: vec4<f32>,           // upper row of luma
    y1: vec4<f32>,
    blue: vec2<f32>,
    red: vec2<f32>,
    f0: vec4<f32>,           // with what factor the colour of what is behind comes through ...
    f1: vec4<f32>,
    fc: vec2<f32>,
    t0: vec4<f32>,           // ... and its coverage (a highlight darkens, but hides nothing)
    t1: vec4<f32>,
    tc: vec2<f32>,
    o0: vec4<f32>,           // 0 where a mask has put all that is behind already, with its coverage; else 1
    o1: vec4<f32>,
    oc: vec2<f32>,
}

// Values at the ten pixels that a block's chroma filter takes in: the upper row of four, the lower one, and in the third
// vector those to the left of the two. Always gone through in a loop: compilers of software adapters inline every call,
// and take a minute for what they need seconds for like this.
struct Ten {
    v: array<vec4<f32>, 3>,
}

struct Places {
    xs: array<vec4<f32>, 3>, // centres of those pixels; of the ones to the left the frame's first column is repeated
    ys: array<vec4<f32>, 3>,
}

// [1 2 1]/4 over columns 2i - 1, 2i, 2i + 1, times [1 1]/2 over rows.
fn filtered(ten: Ten) -> vec2<f32> {
    let sum = ten.v[0] + ten.v[1];
    let left = ten.v[2].x + ten.v[2].y;
    return vec2<f32>(left + 2.0 * sum.x + sum.y, sum.y + 2.0 * sum.z + sum.w) * 0.125;
}

fn greatest(ten: Ten) -> vec2<f32> {
    let most = max(ten.v[0], ten.v[1]);
    let left = max(ten.v[2].x, ten.v[2].y);
    return vec2<f32>(max(left, max(most.x, most.y)), max(most.y, max(most.z, most.w)));
}

fn lay(block: ptr<function, Block>, y0: vec4<f32>, y1: vec4<f32>, blue: vec2<f32>, red: vec2<f32>,
       t0: vec4<f32>, t1: vec4<f32>, tc: vec2<f32>) {
    (*block).y0 += (*block).f0 * y0;
    (*block).y1 += (*block).f1 * y1;
    (*block).blue += (*block).fc * blue;
    (*block).red += (*block).fc * red;
    (*block).f0 *= t0;
    (*block).f1 *= t1;
    (*block).fc *= tc;
    (*block).t0 *= select(vec4<f32>(1.0), t0, (*block).o0 > vec4<f32>(0.0));
    (*block).t1 *= select(vec4<f32>(1.0), t1, (*block).o1 > vec4<f32>(0.0));
    (*block).tc *= select(vec2<f32>(1.0), tc, (*block).oc > vec2<f32>(0.0));
}
