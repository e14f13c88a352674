"""Channels, stages, deadlines, budgets and the safe way to a finished file. The only package that starts threads.

It knows nothing of video: a stage is a function, an item is anything with a size in bytes. Wiring one::

    from reelpress.pipeline.cancel import CancelToken
    from reelpress.pipeline.channel import Channel
    from reelpress.pipeline.run import Pipeline
    from reelpress.pipeline.stage import Stage, StageContext
    from reelpress.pipeline.watchdog import Deadlines

    rendered: Channel[tuple[int, Planes]] = Channel(
        "rendered", max_items=sizes.rendered, max_bytes=sizes.bytes,
        size_of=lambda item: item[1].nbytes,
        key_of=lambda item: id(item[1]),            # a held picture counts its bytes once
    )

    def compose(ctx: StageContext) -> None:
        compositor = PlanarCompositor()
        try:
            for n in range(director.frames):
                with ctx.native("compose"):         # names the call in state lines; its return is a heartbeat
                    planes = ...
                rendered.send((n, planes))          # waits while full; raises when another stage failed
        finally:
            compositor.close()                      # a stage closes what it opened, in its own thread

    def encode(ctx: StageContext) -> None:
        for n, planes in rendered:                  # ends when compose has returned
            with ctx.native("encode"):
                packets = writer.video.encode(planes, n)
            ...

    stats = Pipeline(
        [Stage("compose", compose, outputs=[rendered]), Stage("encode", encode, inputs=[rendered])],
        deadlines=Deadlines(stall_s=settings.stall_timeout),
    ).run(cancel_token, on_tick=progress)           # raises the first error; never hangs
    stats.stages["encode"].busy_s, stats.channels["rendered"].peak_bytes

Outputs are closed when a stage returns and poisoned when it fails; a stage that returns early stops the stages
before it. ``Pipeline.stream(channel)`` iterates a channel in the calling thread instead (``reelpress.render``).
Around it belongs ``output.TargetGuard`` (lock, ``.part``, rename) and, on the command line, ``signals``. What fits
into memory says ``budget``, which counts on ``machine.bound_heap()`` having been called before::

    sizes = Budget.detect(memory=settings.memory, buffers=settings.buffer_size).plan(
        frame_bytes=width * height * 3 // 2, sources=[SourceLoad(source_bytes, reorders=True)]
    )
    machine.bound_heap(large_blocks=sizes.large_pictures)
    pressure = PressureMonitor(pipeline.shrink, warn)       # call it in on_tick
"""
