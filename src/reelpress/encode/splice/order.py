"""frame_num, order counts and idr_pic_id of a spliced stream (ITU-T H.264 7.4.3, 8.2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.encode.splice.errors import SpliceRefused

if TYPE_CHECKING:
    from reelpress.encode.splice.parameters import Sps
    from reelpress.encode.splice.slices import SliceHeader


@dataclass(slots=True)
class Order:
    """What follows from the pictures written so far. A call that refuses changes nothing."""

    sps: Sps
    bits: int
    """log2_max_pic_order_cnt_lsb of the rewritten SPS."""
    last: int | None = None
    """Display index of the last picture."""
    idr: int = 0
    """Display index of the last IDR picture, whose order count is 0."""
    reference: int = 0
    """Display index of the last reference picture."""
    reference_frame_num: int | None = None
    """frame_num of the last reference picture; ``None`` before the first."""
    idr_pic_id: int | None = None
    """Of the last IDR picture. Neighbouring ones must differ (7.4.3)."""
    input_order: int = 0
    """Order count of the encoder's last picture as the encoder counts, with order count type 0."""

    @property
    def max_distance(self) -> int:
        """Frames from a reference picture to the last that may follow it: half of the range of order counts (8.2.1)."""
        return (1 << (self.bits - 2)) - 1

    def check_display(self, display: int) -> None:
        """Raise ValueError unless pictures come in display order; that is a fault of the caller, not of the stream."""
        if display < 0 or (self.last is not None and display <= self.last):
            raise ValueError(f"picture {display} was given after picture {self.last}; they must come in display order")

    def next_frame_num(self) -> int:
        """Of an inserted picture, and of the next real one: the last reference picture's plus one."""
        if self.reference_frame_num is None:
            raise SpliceRefused("The stream does not begin with an IDR picture.")
        return (self.reference_frame_num + 1) & ((1 << self.sps.frame_num_bits) - 1)

    def lsb(self, display: int) -> int:
        """pic_order_cnt_lsb of a picture that is no IDR picture.

        Raises:
            SpliceRefused: So far from the last reference picture a decoder would lose count (8.2.1.1).
        """
        self.check_display(display)
        if display - self.reference > self.max_distance:
            raise SpliceRefused(
                f"The last reference picture is {display - self.reference} frames back; "
                f"order counts reach {self.max_distance} frames, so a key frame is due."
            )
        return 2 * (display - self.idr) % (1 << self.bits)

    def check(self, header: SliceHeader) -> int:
        """Check the encoder's own numbering of its next picture and give its order count as the encoder counts.

        Raises:
            SpliceRefused: A picture is missing, or the order of display is not that of coding.
        """
        if header.idr:
            if header.frame_num:
                raise SpliceRefused(f"An IDR picture has frame_num {header.frame_num}; it must be 0.")
            return header.order_lsb
        expected = self.next_frame_num()
        if header.frame_num != expected:
            raise SpliceRefused(f"A picture has frame_num {header.frame_num}, expected was {expected}.")
        if self.sps.order_count_type:
            return 0
        count = 1 << self.sps.order_count_bits
        ahead = (header.order_lsb - self.input_order) % count
        # 8.2.1.1: what is more than half of the range ahead lies behind.
        if ahead == 0 or ahead > count // 2:
            raise SpliceRefused("Pictures are coded in another order than they are shown.")
        return self.input_order + ahead

    def other_id(self, ids: tuple[int, int]) -> int:
        """The idr_pic_id of the next IDR picture: one of two, and not that of the IDR picture before."""
        return ids[0] if ids[0] != self.idr_pic_id else ids[1]

    def add_real(self, display: int, header: SliceHeader, input_order: int) -> None:
        """The encoder's picture was written, no IDR picture or after :meth:`add_idr`."""
        self.last = self.reference = display
        self.reference_frame_num = header.frame_num
        self.input_order = input_order

    def add_idr(self, display: int, idr_pic_id: int) -> None:
        """An IDR picture was written, the encoder's or the same once more."""
        self.idr_pic_id = idr_pic_id
        self.last = self.idr = self.reference = display
        self.reference_frame_num = 0
