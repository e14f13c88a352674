"""Captions in the recording's time come where the timeline plays them (``captions.sourceTimed``)."""

from __future__ import annotations

from typing import Any

from scene_makers import F, clip, measure, project, studio

from reelpress.project.captions import CaptionSegment
from reelpress.scene.director import Director
from reelpress.scene.plan.layers import TextLayer
from reelpress.timeline.captions import in_output_time
from reelpress.timeline.timeline import Clip, Hold, Timeline

LENGTHS = [F(10), F(5)]
# Output: 0-2 is 2-4 of the first segment, with the clock held at 1-2 (so it ends at 3); 3-5 is the second segment at
# double speed; 5-6 is the first second of the first segment.
LINE = Timeline.assemble(
    [Clip(0, 0, F(2), F(4)), Clip(1, 1, F(0), F(4), F(2)), Clip(2, 0, F(0), F(1))], holds=[Hold(F(1), F(2))]
)


def moved(start: float, end: float, words: list[tuple[float, float]] | None = None) -> list[Any]:
    row = {"start": start, "end": end, "words": [{"text": "w", "start": a, "end": b} for a, b in words or []]}
    found = in_output_time([CaptionSegment.model_validate(row)], LINE, LENGTHS)
    return [(f.start, f.end, *((w.start, w.end) for w in f.words)) for f in found]


def test_cuts_speed_and_several_showings() -> None:
    assert moved(5, 6) == []
    assert moved(2.25, 2.75) == [(F(1, 4), F(3, 4))]
    assert moved(11, 13) == [(F(7, 2), F(9, 2))]
    assert moved(0, 2.5) == [(0, F(1, 2)), (5, 6)]


def test_a_hold_is_silent() -> None:
    assert moved(2.5, 3.5) == [(F(1, 2), 1), (2, F(5, 2))]


def test_a_cut_without_a_gap_is_one_showing_and_words_follow_each_part() -> None:
    line = Timeline.assemble([Clip(0, 0, F(0), F(2)), Clip(1, 0, F(2), F(6), F(2))])
    words = [{"text": "w", "start": a, "end": b} for a, b in ((0, 1), (1, 4), (5, 9))]
    (found,) = in_output_time([CaptionSegment.model_validate({"start": 1, "end": 5, "words": words})], line, [F(10)])
    assert (found.start, found.end) == (1, F(7, 2))
    # 4 is a second of output after the cut at 2; what lies outside of the caption is cut to it.
    assert [(w.start, w.end) for w in found.words] == [(1, 1), (1, 3), (F(7, 2), F(7, 2))]


def test_the_director_shows_them_so() -> None:
    row = {"start": 3, "end": 3.5, "text": "spoken"}
    captions = {"segments": [row], "settings": {"enabled": True, "fadeDuration": 0}}

    def frames(**more: Any) -> list[int]:
        look = project([clip(2, 6)], captions={**captions, **more})
        director = Director(studio(), look, fps=F(10), measure=measure)
        return [n for n in range(40) if any(isinstance(layer, TextLayer) for layer in director.plan(n).layers)]

    assert frames(sourceTimed=True) == [10, 11, 12, 13, 14]
    assert frames() == [30, 31, 32, 33, 34]
