// Outlines of cards: signed distance and coverage (scene.plan, "Shapes").

// Signed distance from an outline grown by `grow`.
fn distance4(n: u32, xs: vec4<f32>, ys: vec4<f32>, grow: f32) -> vec4<f32> {
    let down = ys - layers[n].cy;
    let r = select(vec4<f32>(layers[n].r_bottom), vec4<f32>(layers[n].r_top), down < vec4<f32>(0.0));
    // The radius of a shape that is grown grows too; that of a half that is not rounded is below 0, and stays square.
    let radius = select(vec4<f32>(0.0), r + grow, r >= vec4<f32>(0.0));
    let qx = abs(xs - layers[n].cx) - (layers[n].hw + grow) + radius;
    let qy = abs(down) - (layers[n].hh + grow) + radius;
    let px = max(qx, vec4<f32>(0.0));
    let py = max(qy, vec4<f32>(0.0));
    let x2 = px * px;
    let y2 = py * py;
    var norm = sqrt(x2 + y2);
    if ((layers[n].flags & SQUIRCLE) != 0u) {
        norm = sqrt(sqrt(x2 * x2 + y2 * y2));
    }
    return norm + min(max(qx, qy), vec4<f32>(0.0)) - radius;
}

fn cover4(n: u32, xs: vec4<f32>, ys: vec4<f32>, grow: f32, square: bool) -> vec4<f32> {
    if (square) {
        let w = layers[n].hw + grow;
        let h = layers[n].hh + grow;
        return share_of(layers[n].cx - w, layers[n].cx + w, xs) * share_of(layers[n].cy - h, layers[n].cy + h, ys);
    }
    var sum = vec4<f32>(0.0);
    for (var k = 0u; k < 4u; k++) {
        let dx = select(-0.25, 0.25, (k & 1u) != 0u);
        let dy = select(-0.25, 0.25, (k & 2u) != 0u);
        sum += smooth4(1.0, -1.0, distance4(n, xs + dx, ys + dy, grow));
    }
    return sum * 0.25;
}
