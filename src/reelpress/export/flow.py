"""The stages of an export that makes pictures: decode, compose, encode, mux, and the channels between them."""

from __future__ import annotations

import contextlib
import functools
import math
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reelpress import clock
from reelpress.compose.resilient import Resilient
from reelpress.encode.base import Looking
from reelpress.encode.splice.session import SpliceSession
from reelpress.export import stages
from reelpress.export.outputs.stdout import is_pipe
from reelpress.export.report import FrameCounts
from reelpress.export.sources import SourcePool
from reelpress.media.audio import AudioMixer
from reelpress.media.pool import pool
from reelpress.media.text_track import text_packets
from reelpress.pipeline.channel import MIN_ITEMS, Channel
from reelpress.pipeline.machine import trim_heap
from reelpress.pipeline.memory import PressureMonitor
from reelpress.pipeline.run import Pipeline, PipelineStats, leaked_threads
from reelpress.pipeline.stage import THREAD_PREFIX, Stage
from reelpress.pipeline.watchdog import Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reelpress.encode.base import Piece
    from reelpress.errors import StallError
    from reelpress.export.hooks import Hooks
    from reelpress.export.job import Job
    from reelpress.export.observe import Observer
    from reelpress.export.running import Teller
    from reelpress.export.settings import Unchanged
    from reelpress.pipeline.cancel import CancelToken

PACKET_BYTES = 8 << 20
"""Bound of the channel of encoded packets; one 4K key frame is about 1 MB."""


ENCODE = "encode"
"""Name of the stage that gives pictures to the encoder."""

_forsaken: list[object] = []
"""What threads are stuck in (:meth:`Flow.forsake`)."""


class Flow:
    """The stages of one export and what they share. One run; another one is another flow."""

    def __init__(
        self,
        job: Job,
        part_path: Any,
        cancel: CancelToken,
        hooks: Hooks,
        observer: Observer,
        unchanged: Unchanged,
    ) -> None:
        self.job, self.part_path = job, part_path
        self.hooks = hooks
        self.observer = observer
        self.counts = FrameCounts(total=job.director.frames)
        self.progress = stages.Progress()
        director, buffers = job.director, job.buffers
        spans = job.spans
        self.has_audio = bool(spans)
        self.total_samples = clock.samples_until(director.frames, director.fps)
        self.mixer = AudioMixer(spans, self.total_samples) if spans else None
        self.sources = {
            kind: SourcePool(
                job.recording,
                threads=buffers.decode_threads,
                decoder=job.ways.decoder_name,
                cancelled=lambda: cancel.cancelled,
                frames=director.frames,
            )
            for kind in dict.fromkeys(stages.kind_of(track.key) for track in director.tracks)
        }
        self.decoded: dict[str, Channel[stages.SourceFrame]] = {
            kind: Channel(
                f"decoded-{kind}",
                max_items=buffers.decoded,
                max_bytes=None,
                size_of=lambda item: item.planes.nbytes,
            )
            for kind in self.sources
        }
        self.rendered: Channel[stages.RenderedFrame] = Channel(
            "rendered",
            max_items=buffers.rendered,
            max_bytes=buffers.bytes,
            size_of=lambda item: item.planes.nbytes,
            key_of=lambda item: id(item.planes),
        )
        self.seen: Channel[stages.RenderedFrame] = Channel(
            "seen",
            max_items=MIN_ITEMS,
            max_bytes=buffers.bytes,
            size_of=lambda item: item.planes.nbytes,
            key_of=lambda item: id(item.planes),
        )
        self.packets: Channel[Sequence[Piece]] = Channel(
            "encoder",
            max_items=buffers.encoder,
            max_bytes=PACKET_BYTES,
            size_of=lambda batch: sum(packet.size for packet in batch),
        )
        try:
            opened = job.output.open(job, part_path, hooks, unchanged)
        except BaseException:
            if self.mixer is not None:
                self.mixer.close()
            raise
        self.writer, self.encoder = opened.writer, opened.encoder
        ours = opened.encoder.spec.external_conversion  # the benchmark's baseline converts as it likes
        self.converting = job.ways.before(self.encoder) if ours else None
        self._conversion_told = False
        if self.converting is not None:
            self.encoder = self.converting
        # What it looks at has to be what it is given.
        self.looking = self.encoder if isinstance(self.encoder, Looking) else None
        self.unchanged, self.refused = opened.unchanged, opened.refused
        self.inserted: dict[str, int] = {}
        self.shown: Sequence[int] | None = None
        """Frames at which pictures come in the finished file, where not all have one."""
        self.compositor = hooks.compositor(job.ways.renderer)
        self._loss_told = self._ran = False

    def run(
        self,
        cancel: CancelToken,
        teller: Teller,
        warn: Callable[[str], None],
        check: Callable[[Flow], None] = lambda flow: None,
    ) -> PipelineStats:
        """Run all stages to the end of the file. ``check`` is called while they run; what it raises ends them."""
        job, director = self.job, self.job.director
        encoder = self.hooks.encoder(self.encoder)
        before, given = [], self.rendered
        if self.looking is not None:
            given = self.seen
            first = functools.partial(stages.look, looking=self.looking, rendered=self.rendered, seen=self.seen)
            before = [Stage("look", first, inputs=[self.rendered], outputs=[self.seen])]
        parts = [
            Stage(
                f"decode-{kind}" if len(self.sources) > 1 else "decode",
                functools.partial(
                    stages.decode,
                    director=director.for_thread(),
                    kind=kind,
                    sources=self.sources[kind],
                    channel=self.decoded[kind],
                ),
                outputs=[self.decoded[kind]],
            )
            for kind in self.sources
        ]
        parts += [
            Stage(
                "compose",
                lambda ctx: stages.compose(
                    ctx,
                    director,
                    self.compositor,
                    self.decoded,
                    self.rendered,
                    self.counts,
                    job.tolerance if self.unchanged != "encode" else None,
                    late=self.unchanged == "splice",
                ),
                inputs=list(self.decoded.values()),
                outputs=[self.rendered],
            ),
            *before,
            Stage(
                ENCODE,
                lambda ctx: stages.encode(
                    ctx, encoder, given, self.packets, self.counts, self.progress, time.monotonic
                ),
                inputs=[given],
                outputs=[self.packets],
            ),
            Stage(
                "mux",
                lambda ctx: stages.audio_and_mux(
                    ctx,
                    self.writer,
                    self.mixer,
                    self.total_samples,
                    self.packets,
                    director.fps,
                    self.progress,
                    text_packets(job.subtitles, math.floor(director.duration * 1000)) if job.subtitles else (),
                ),
                inputs=[self.packets],
            ),
        ]
        pipeline = Pipeline(
            self.hooks.stages(parts),
            deadlines=Deadlines(stall_s=job.settings.stall_timeout),
            tracer=self.observer.tracer,
        )
        self.observer.watch(pipeline, self.counts)

        pressure = PressureMonitor(pipeline.shrink, warn)

        def tick() -> None:
            teller.progress(self.progress.phase, self.progress.encoded)
            check(self)
            pressure()
            self.observer.tick()
            self.hooks.tick()

        teller.progress("encode", 0, force=True)
        self._ran = True  # from here on its stage closes the compositor
        stats = pipeline.run(cancel, on_tick=tick)
        self.observer.tick(last=True)
        teller.progress(self.progress.phase, self.progress.encoded, force=True)
        self.shown = self.encoder.shown
        self.counts.repeated_after_error = sum(pool.repeated for pool in self.sources.values())
        return stats

    def abandon(self) -> None:
        """Close what a run that failed left open."""
        if not self._ran:
            self.compositor.close()
        self.writer.abort()
        if self.mixer is not None:
            self.mixer.close()
        if self.converting is not None and THREAD_PREFIX + ENCODE not in leaked_threads():
            self.converting.close()

    def forsake(self, stall: StallError) -> None:
        """After a stall of the encoder: close what can be closed, and take the file away from a thread that is stuck.

        What such a thread is inside of must not be closed, nor even let go of: freeing an encoder under a call ends
        the process. So it is kept for ever, with its file, which loses its name: if the call returns one day, it writes
        to what nobody sees. Where the file is still there afterwards the system does not let go of it (Windows).
        """
        if not stall.leaked_threads:  # it came back after all
            self.abandon()
            return
        _forsaken.append((self.writer, self.encoder))
        if stall.leaked_threads != (THREAD_PREFIX + ENCODE,):
            return  # others are stuck, too: nothing can be closed
        if self.mixer is not None:
            self.mixer.close()
        if not is_pipe(self.job.target):  # a file that is called like the pipe is somebody else's
            with contextlib.suppress(OSError):
                self.part_path.unlink(missing_ok=True)

    def release(self) -> None:
        """Let go of encoder and pictures: verifying needs memory of its own."""
        session = self.encoder if self.converting is None else self.converting.inner
        if isinstance(session, SpliceSession):
            self.inserted = asdict(session.counts)
        if self.converting is not None:
            self.converting.close()
        del self.writer, self.encoder, self.looking
        pool.clear()
        trim_heap()

    def converter_lost(self) -> tuple[str, str] | None:
        """The converter that took the place of the plan's, and why; told once."""
        converting = self.converting
        if self._conversion_told or converting is None or converting.lost is None:
            return None
        self._conversion_told = True
        return converting.used, converting.lost.rstrip(".")

    def devices_lost(self) -> dict[str, str]:
        """Tracks -> why the chip that began to decode them did not go on."""
        return {key: why for pool in self.sources.values() for key, why in pool.devices_lost.items()}

    def renderer_lost(self) -> str | None:
        """Why the GPU did not go on, and from which frame on; told once."""
        compositor = self.compositor
        if self._loss_told or not isinstance(compositor, Resilient) or compositor.lost is None:
            return None
        self._loss_told = True
        return f"from frame {compositor.lost_at} on: {compositor.lost.rstrip('.')}"

    def afterwards(self) -> list[str]:
        """Warnings that only the run could tell."""
        lines = []
        for key, decoders in self.sources.items():
            if decoders.repeated:
                detail = "; ".join(decoders.problems.values())
                lines.append(
                    f"{decoders.repeated} frames of the {key} could not be decoded and show the last good one"
                    + (f" ({detail})." if detail else ".")
                )
        if self.mixer is not None:
            lines += self.mixer.warnings
        return lines
