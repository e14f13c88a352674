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
    """What follows from the pictures written so far. A call that refuses changes nothing.

    A reference picture is shown after all pictures before it in the stream. The B pictures that follow it are shown
    before it, behind all that was shown when it came, and in the order in which they come; with an inserted picture
    their place is closed. So a picture is at most one picture late, and for any two pictures of the encoder between two
    IDR pictures the new order counts compare as the encoder's own do. The lists of B slices begin sorted by order count
    (8.2.4.2.3), those of P slices by frame_num (8.2.4.2.1), which stays; inserted pictures are no references, so they
    are in no list. Hence every list is the one that the encoder had.
    """

    sps: Sps
    bits: int
    """log2_max_pic_order_cnt_lsb of the rewritten SPS."""
    last: int | None = None
    """Display index of the picture shown last of those that came."""
    idr: int = 0
    """Display index of the last IDR picture, whose order count is 0."""
    reference: int = 0
    """Display index of the last reference picture."""
    floor: int = 0
    """Display index above which, and below that of the last reference picture, a B picture may be."""
    reference_frame_num: int | None = None
    """frame_num of the last reference picture; ``None`` before the first."""
    idr_pic_id: int | None = None
    """Of the last IDR picture. Neighbouring ones must differ (7.4.3)."""
    input_reference: int = 0
    """Order count of the encoder's last reference picture as the encoder counts, with order count type 0."""
    input_floor: int = 0
    """:attr:`floor` as the encoder counts, where inserted pictures do not exist."""

    @property
    def max_distance(self) -> int:
        """Frames from a reference picture to the last that may follow it: half of the range of order counts (8.2.1)."""
        return (1 << (self.bits - 2)) - 1

    def check_display(self, display: int) -> None:
        """Raise ValueError unless this picture is shown last; that is a fault of the caller, not of the stream."""
        if display < 0 or (self.last is not None and display <= self.last):
            raise ValueError(
                f"picture {display} was given after picture {self.last}; all but B pictures must come in display order"
            )

    def next_frame_num(self) -> int:
        """Of a picture that is no reference, and of the next reference: the last reference picture's plus one."""
        if self.reference_frame_num is None:
            raise SpliceRefused("The stream does not begin with an IDR picture.")
        return (self.reference_frame_num + 1) & ((1 << self.sps.frame_num_bits) - 1)

    def lsb(self, display: int) -> int:
        """pic_order_cnt_lsb of a picture that is no IDR and no B picture.

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

    def lsb_between(self, display: int) -> int:
        """pic_order_cnt_lsb of a B picture.

        It is nearer to the last reference picture than the one before that is, so a decoder does not lose count.

        Raises:
            ValueError: The caller's display index is not where the stream has the picture, or a picture was inserted
                before all B pictures of its group were out.
        """
        if not self.floor < display < self.reference:
            raise ValueError(
                f"B picture {display} was given where only one after {self.floor} and before {self.reference} can come"
            )
        return 2 * (display - self.idr) % (1 << self.bits)

    def check(self, header: SliceHeader) -> int:
        """Check the encoder's own numbering of its next picture and give its order count as the encoder counts.

        Raises:
            SpliceRefused: A picture is missing, or pictures are reordered in another way than the class allows.
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
        ahead = (header.order_lsb - self.input_reference) % count
        # 8.2.1.1: what is more than half of the range ahead lies behind.
        if ahead > count // 2:
            ahead -= count
        if header.between:
            if not self.input_floor < self.input_reference + ahead < self.input_reference:
                raise SpliceRefused("A B picture is not shown right before the last reference picture, or not in turn.")
        elif ahead <= 0:
            raise SpliceRefused("Pictures other than B pictures are coded in another order than they are shown.")
        return self.input_reference + ahead

    def other_id(self, ids: tuple[int, int]) -> int:
        """The idr_pic_id of the next IDR picture: one of two, and not that of the IDR picture before."""
        return ids[0] if ids[0] != self.idr_pic_id else ids[1]

    def add_between(self, display: int, input_order: int) -> None:
        """A B picture of the encoder was written."""
        self.floor = display
        self.input_floor = input_order

    def add_reference(self, display: int, frame_num: int, input_order: int) -> None:
        """The encoder's picture was written, a reference that is no IDR picture."""
        self.floor = self.reference if self.last is None else self.last
        self.last = self.reference = display
        self.reference_frame_num = frame_num
        self.input_floor = self.input_reference
        self.input_reference = input_order

    def add_idr(self, display: int, idr_pic_id: int, input_order: int) -> None:
        """An IDR picture was written, the encoder's or the same once more."""
        self.idr_pic_id = idr_pic_id
        self.last = self.idr = self.reference = self.floor = display
        self.reference_frame_num = 0
        self.input_reference = self.input_floor = input_order

    def add_inserted(self, display: int) -> None:
        """A picture that no encoder made was written: what comes now is shown behind it."""
        self.last = display
        self.floor = self.reference
