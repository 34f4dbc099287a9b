"""What a replay does to its rings: entries written, steps judged, returns summed, stacks put together.

World w owns the slots w * length to (w + 1) * length - 1. Its entries are numbered from 0 for the whole
run; entry e stands in slot w * length + e % length until entry e + length comes. An entry's id, by which the
learner knows it, is e * worlds + w, so that an overwritten one cannot be taken for the one in its place.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tengen.agents.dqn.priorities import Floats, Integers, find_leaves, set_leaf, set_leaves
from tengen.envs.jit import leaf_kernel

# Bits of an entry's flags.
FIRST = 1  # the frame begins an episode: stacks hold nothing older
TERMINAL = 2  # nothing of value follows
TRUNCATED = 4  # cut short; the next entry is its final frame
FINAL = 8  # only a frame: what a step that was cut short led to
LOST = 16  # not there: its shard could not be read

# What has become of a step.
PENDING, WHOLE, BROKEN = 0, 1, 2  # its n steps are not all there yet; they are; they never will be

Flags = NDArray[np.uint8]
Actions = NDArray[np.int32]
Singles = NDArray[np.float32]


class Rings(NamedTuple):
    """The rings of W worlds, S slots together, without the frames; and the tree of what can be drawn."""

    flags: Flags  # [S]
    actions: Actions  # [S]
    rewards: Singles  # [S]
    waiting: Floats  # [S] weight in the tree as soon as the step is whole
    ends: Integers  # [W] entries ever written
    pending: Integers  # [W] the first entry not judged yet
    nodes: Floats  # of the tree; a leaf for each slot, 0 where there is nothing to draw
    levels: Integers  # of the tree
    length: int  # S // W
    stack: int  # frames of an observation
    n: int  # steps of a transition
    gamma: float


@leaf_kernel
def n_step(rings: Rings, world: int, entry: int) -> tuple[int, float, float, int]:
    """PENDING, WHOLE or BROKEN; the discounted return; the discount of what follows; the slot of that.

    Steps end at a terminal (discount 0, and its own slot, whose value counts for nothing) and where they
    were cut short (the final frame follows). An episode that begins without its predecessor having ended is
    that of an actor started anew: nothing leads there.
    """
    base = world * rings.length
    end = rings.ends[world]
    slot = base + entry % rings.length
    total = 0.0
    discount = 1.0
    unfit = FINAL | LOST
    for step in range(rings.n):
        if entry + step >= end:
            return PENDING, 0.0, 0.0, slot
        flag = rings.flags[slot]
        if flag & unfit:
            return BROKEN, 0.0, 0.0, slot
        unfit = FINAL | LOST | FIRST
        total += discount * rings.rewards[slot]
        discount *= rings.gamma
        if flag & TERMINAL:
            return WHOLE, total, 0.0, slot
        slot = slot + 1 if slot + 1 < base + rings.length else base
        if flag & TRUNCATED:
            if entry + step + 1 >= end:
                return PENDING, 0.0, 0.0, slot
            return WHOLE if rings.flags[slot] & FINAL else BROKEN, total, discount, slot
    if entry + rings.n >= end:
        return PENDING, 0.0, 0.0, slot
    return BROKEN if rings.flags[slot] & unfit else WHOLE, total, discount, slot


@leaf_kernel
def stack_is_whole(rings: Rings, world: int, entry: int) -> bool:
    """Whether all frames of the entry's observation are still in the ring."""
    oldest = max(0, rings.ends[world] - rings.length)
    for at in range(entry, entry - rings.stack, -1):
        if at < oldest:
            return False
        flag = rings.flags[world * rings.length + at % rings.length]
        if flag & LOST:
            return False
        if flag & FIRST:
            return True
    return True


@leaf_kernel
def judge(rings: Rings, world: int, begin: int) -> None:
    """Give the tree the steps from `begin` on that are whole, up to the first pending one."""
    end = rings.ends[world]
    entry = max(begin, end - rings.length, 0)
    while entry < end:
        state, _, _, _ = n_step(rings, world, entry)
        if state == PENDING:
            break
        if state == WHOLE and stack_is_whole(rings, world, entry):
            slot = world * rings.length + entry % rings.length
            set_leaf(rings.nodes, rings.levels, slot, rings.waiting[slot])
        entry += 1
    rings.pending[world] = entry


@leaf_kernel
def judge_all(rings: Rings) -> None:
    """Fill an empty tree with every step of the rings that is whole."""
    for world in range(len(rings.ends)):
        judge(rings, world, 0)


@leaf_kernel
def write(rings: Rings, world: int, flags: int, action: int, reward: float, weight: float) -> int:
    """A new entry in place of the oldest; returns its slot.

    What stood there leaves the tree, and so do those whose stacks need that frame.
    """
    base = world * rings.length
    end = rings.ends[world]
    oldest = end - rings.length
    if oldest >= 0:
        set_leaf(rings.nodes, rings.levels, base + oldest % rings.length, 0.0)
        for entry in range(oldest + 1, min(oldest + rings.stack, end)):
            slot = base + entry % rings.length
            if rings.flags[slot] & FIRST:
                break
            if rings.nodes[slot] != 0.0:
                set_leaf(rings.nodes, rings.levels, slot, 0.0)
    if end > 0 and rings.flags[base + (end - 1) % rings.length] & FINAL:
        flags |= FIRST  # whatever was said: nothing older can belong to it
    slot = base + end % rings.length
    rings.flags[slot] = flags
    rings.actions[slot] = action
    rings.rewards[slot] = reward
    rings.waiting[slot] = weight
    rings.ends[world] = end + 1
    return slot


@leaf_kernel
def append(
    rings: Rings,
    first_world: int,
    flags: Flags,  # [T, N] of FIRST, TERMINAL and TRUNCATED
    actions: Actions,  # [T, N]
    rewards: Singles,  # [T, N]
    weights: Floats,  # [T, N] in the tree, once the steps are whole
    finals: Actions,  # [T, N] which final frame follows the step, -1 for none
    slots: Integers,  # [T, N] out: where the frames belong
    final_slots: Integers,  # [K] out
) -> None:
    """Write T steps of N worlds, all but the frames, and give the tree what has become whole."""
    for n in range(flags.shape[1]):
        world = first_world + n
        for t in range(flags.shape[0]):
            slots[t, n] = write(rings, world, flags[t, n], actions[t, n], rewards[t, n], weights[t, n])
            if finals[t, n] >= 0:
                final_slots[finals[t, n]] = write(rings, world, FINAL, 0, 0.0, 0.0)
        judge(rings, world, rings.pending[world])


@leaf_kernel
def draw(
    rings: Rings,
    targets: Floats,  # [B] below the tree's total
    beta: float,
    slots: Integers,  # [2, B] out: of the observations at tm1 and at t
    ids: Integers,  # [B] out
    actions: Integers,  # [B] out
    returns: Singles,  # [B] out
    discounts: Singles,  # [B] out
    weights: Singles,  # [B] out
    found: Floats,  # [B] scratch
) -> None:
    """Draw steps and put together all of a batch but its observations."""
    find_leaves(rings.nodes, rings.levels, targets, slots[0], found)
    least = found[0]
    for b in range(len(targets)):
        least = min(least, found[b])
    for b in range(len(targets)):
        slot = slots[0, b]
        world = slot // rings.length
        end = rings.ends[world]
        entry = end - 1 - (end - 1 - slot + world * rings.length) % rings.length  # the newest in that slot
        _, returns[b], discounts[b], slots[1, b] = n_step(rings, world, entry)
        ids[b] = entry * len(rings.ends) + world
        actions[b] = rings.actions[slot]
        # (N P)^-beta over the greatest of the batch: N and the sum of priorities fall out.
        weights[b] = (least / found[b]) ** beta


@leaf_kernel
def renew(
    rings: Rings,
    ids: Integers,  # [B]
    errors: Singles,  # [B] absolute
    highest: float,
    alpha: float,
    floor: float,
    slots: Integers,  # [B] scratch
    weights: Floats,  # [B] scratch
) -> float:
    """Give steps the priorities of new errors, but for those overwritten; returns the highest error ever."""
    worlds = len(rings.ends)
    for b in range(len(ids)):
        world = ids[b] % worlds
        entry = ids[b] // worlds
        end = rings.ends[world]
        slot = world * rings.length + entry % rings.length
        slots[b] = -1
        if entry < max(0, end - rings.length) or entry >= end or rings.nodes[slot] == 0.0:
            continue
        error = abs(float(errors[b]))
        if np.isfinite(error):
            highest = max(highest, error)
        else:  # what has diverged is as surprising as anything
            error = highest
        slots[b] = slot
        weights[b] = (error + floor) ** alpha
    set_leaves(rings.nodes, rings.levels, slots, weights)
    return highest


@leaf_kernel
def gather(
    rings: Rings,
    frames: NDArray[np.unsignedinteger],  # [S, words]
    slots: Integers,  # [2, B] of the newest frames
    out: NDArray[np.unsignedinteger],  # [2, B, stack, words]
) -> None:
    """Observations from single frames: the newest last, back to where the episode began, zeros before."""
    for end in range(2):
        for b in range(slots.shape[1]):
            slot = slots[end, b]
            base = slot // rings.length * rings.length
            is_over = False
            for place in range(rings.stack - 1, -1, -1):
                if is_over:
                    for word in range(out.shape[3]):
                        out[end, b, place, word] = 0
                    continue
                for word in range(out.shape[3]):
                    out[end, b, place, word] = frames[slot, word]
                is_over = rings.flags[slot] & FIRST != 0
                slot = slot - 1 if slot > base else base + rings.length - 1
