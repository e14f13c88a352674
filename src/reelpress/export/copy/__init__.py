"""Exports that copy packets instead of encoding pictures (design 6.4).

``decide`` says whether an export can, why not, and which packets: what is ``drawn``, when pictures are shown
(``times``), which packets can be taken over (``parts``), and whether the ``sound`` can. ``job`` is what was decided.
``run`` does it: the stage is in ``flow``, and ``cuts`` encodes the pictures at cuts.

Copied is what nothing is drawn over and nobody asked to be coded in another way. A cut that lies inside of a group of
pictures is re-encoded up to the next IDR picture; behind the last picture that can be kept in the order of decoding,
the one to three pictures that need a later one are re-encoded. All other packets go into the new file as they are.
"""
