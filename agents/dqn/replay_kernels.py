"""What a replay does to its rings: entries written, steps judged, returns summed, stacks put together.

World w owns the slots w * length to (w + 1) * length - 1. Its entries are numbered from 0 for the whole
run; entry e stands in slot w * length + e % length until entry e + length comes. An entry's id, by which the
learner knows it, is e * worlds + w, so that an overwritten one cannot be taken for the one in its place.
"""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.dqn.priorities import Floats, Integers, find_leaves, set_leaf, set_leaves
from tengen.envs.jit import kernel, leaf_kernel

# Bits of an entry's flags.
FIRST = 1  # the frame begins an episode: stacks hold nothing older
TERMINAL = 2  # nothing of value follows
TRUNCATED = 4  # cut short; the next entry is its final frame
FINAL = 8  # only a frame: what a step that was cut short led to
LOST = 16  # not there: its shard could not be read

# What has become of a step.
PENDING, WHOLE, BROKEN = 0, 1, 2  # its n steps are not all there yet; they are; they never will be

Flags = NDArray[np.uint8]
Singles = NDArray[np.float32]


@leaf_kernel
def n_step(
    flags: Flags, rewards: Singles, base: int, length: int, entry: int, end: int, n: int, gamma: float
) -> tuple[int, float, float, int]:
    """PENDING, WHOLE or BROKEN; the discounted return; the discount of what follows; the slot of that.

    Steps end at a terminal (discount 0, and its own slot, whose value counts for nothing) and where they
    were cut short (the final frame follows). An episode that begins without its predecessor having ended is
    that of an actor started anew: nothing leads there. `end` is one past the newest entry.
    """
    total = 0.0
    discount = 1.0
    slot = base + entry % length  # the only division: they are what is slow here
    unfit = FINAL | LOST
    for step in range(n):
        if entry + step >= end:
            return PENDING, 0.0, 0.0, slot
        flag = flags[slot]
        if flag & unfit:
            return BROKEN, 0.0, 0.0, slot
        unfit = FINAL | LOST | FIRST
        total += discount * rewards[slot]
        discount *= gamma
        if flag & TERMINAL:
            return WHOLE, total, 0.0, slot
        slot = slot + 1 if slot + 1 < base + length else base
        if flag & TRUNCATED:
            if entry + step + 1 >= end:
                return PENDING, 0.0, 0.0, slot
            return WHOLE if flags[slot] & FINAL else BROKEN, total, discount, slot
    if entry + n >= end:
        return PENDING, 0.0, 0.0, slot
    return BROKEN if flags[slot] & unfit else WHOLE, total, discount, slot


@leaf_kernel
def stack_is_whole(flags: Flags, base: int, length: int, entry: int, end: int, stack: int) -> bool:
    """Whether all frames of the entry's observation are still in the ring."""
    oldest = max(0, end - length)
    for back in range(stack):
        at = entry - back
        if at < oldest or flags[base + at % length] & LOST:
            return False
        if flags[base + at % length] & FIRST:
            return True
    return True


@leaf_kernel
def judge(
    flags: Flags,
    rewards: Singles,
    waiting: Floats,
    nodes: Floats,
    levels: Integers,
    base: int,
    length: int,
    begin: int,
    end: int,
    n: int,
    stack: int,
) -> int:
    """Give the tree the steps from `begin` on that are whole; returns the first pending one, or `end`."""
    entry = max(begin, end - length, 0)
    while entry < end:
        state, _, _, _ = n_step(flags, rewards, base, length, entry, end, n, 1.0)
        if state == PENDING:
            break
        if state == WHOLE and stack_is_whole(flags, base, length, entry, end, stack):
            slot = base + entry % length
            set_leaf(nodes, levels, slot, waiting[slot])
        entry += 1
    return entry


@leaf_kernel
def forget(
    flags: Flags, nodes: Floats, levels: Integers, base: int, length: int, end: int, stack: int
) -> None:
    """Before entry `end` is written: take out of the tree what stands in its place or needs that frame."""
    oldest = end - length
    if oldest < 0:
        return
    set_leaf(nodes, levels, base + oldest % length, 0.0)
    for entry in range(oldest + 1, min(oldest + stack, end)):
        slot = base + entry % length
        if flags[slot] & FIRST:
            break
        if nodes[slot] != 0.0:
            set_leaf(nodes, levels, slot, 0.0)


@kernel
def append(
    steps: Flags,  # [T, N] flags of what happened, FIRST, TERMINAL and TRUNCATED
    step_actions: NDArray[np.int32],  # [T, N]
    step_rewards: Singles,  # [T, N]
    step_waiting: Floats,  # [T, N]
    finals: NDArray[np.int32],  # [T, N] which final frame follows the step, -1 for none
    first_world: int,
    flags: Flags,
    actions: NDArray[np.int32],
    rewards: Singles,
    waiting: Floats,
    ends: Integers,
    pending: Integers,
    nodes: Floats,
    levels: Integers,
    length: int,
    n: int,
    stack: int,
    slots: Integers,  # [T, N] out: where the frames belong
    final_slots: Integers,  # [K] out
) -> None:
    """Write T steps of N worlds, all but the frames, and give the tree what has become whole."""
    for world in range(steps.shape[1]):
        w = first_world + world
        base = w * length
        for t in range(steps.shape[0]):
            end = ends[w]
            forget(flags, nodes, levels, base, length, end, stack)
            slot = base + end % length
            flag = steps[t, world]
            if end > 0 and flags[base + (end - 1) % length] & FINAL:
                flag |= FIRST  # nothing older can belong to it
            flags[slot] = flag
            actions[slot] = step_actions[t, world]
            rewards[slot] = step_rewards[t, world]
            waiting[slot] = step_waiting[t, world]
            slots[t, world] = slot
            ends[w] = end + 1
            if finals[t, world] >= 0:
                end = ends[w]
                forget(flags, nodes, levels, base, length, end, stack)
                slot = base + end % length
                flags[slot] = FINAL
                actions[slot] = 0
                rewards[slot] = 0.0
                waiting[slot] = 0.0
                final_slots[finals[t, world]] = slot
                ends[w] = end + 1
        pending[w] = judge(
            flags, rewards, waiting, nodes, levels, base, length, pending[w], ends[w], n, stack
        )


@kernel
def draw(
    targets: Floats,  # [B] ascending or not, below the tree's total
    beta: float,
    gamma: float,
    n: int,
    flags: Flags,
    actions: NDArray[np.int32],
    rewards: Singles,
    ends: Integers,
    nodes: Floats,
    levels: Integers,
    length: int,
    slots: Integers,  # [2, B] out: of the observations at tm1 and at t
    ids: Integers,  # [B] out
    chosen: Integers,  # [B] out: actions
    returns: Singles,  # [B] out
    discounts: Singles,  # [B] out
    weights: Singles,  # [B] out
    scratch: Floats,  # [B]
) -> None:
    """Draw steps and put together all of a batch but its observations."""
    find_leaves(nodes, levels, targets, slots[0], scratch)
    least = scratch[0]
    for b in range(len(targets)):
        least = min(least, scratch[b])
    for b in range(len(targets)):
        slot = slots[0, b]
        w = slot // length
        base = w * length
        end = ends[w]
        # The newest entry that stands in this slot.
        entry = end - 1 - (end - 1 - slot + base) % length
        _, total, discount, follows = n_step(flags, rewards, base, length, entry, end, n, gamma)
        slots[1, b] = follows
        ids[b] = entry * len(ends) + w
        chosen[b] = actions[slot]
        returns[b] = total
        discounts[b] = discount
        # (N P)^-beta over the greatest of the batch: N and the sum of priorities fall out.
        weights[b] = 1.0 if scratch[b] == least else (least / scratch[b]) ** beta


@kernel
def renew(
    ids: Integers,  # [B]
    errors: Singles,  # [B] absolute
    highest: float,
    alpha: float,
    floor: float,
    ends: Integers,
    nodes: Floats,
    levels: Integers,
    length: int,
    slots: Integers,  # [B] scratch
    weights: Floats,  # [B] scratch
) -> float:
    """Give steps the priorities of new errors, but for those overwritten; returns the highest error ever."""
    worlds = len(ends)
    for b in range(len(ids)):
        w = ids[b] % worlds
        entry = ids[b] // worlds
        slot = w * length + entry % length
        slots[b] = -1
        if entry < ends[w] - length or entry >= ends[w] or entry < 0 or nodes[slot] == 0.0:
            continue
        error = abs(float(errors[b]))
        if np.isfinite(error):  # what has diverged is as surprising as anything
            highest = max(highest, error)
        else:
            error = highest
        slots[b] = slot
        weights[b] = (error + floor) ** alpha
    set_leaves(nodes, levels, slots, weights)
    return highest


@kernel
def gather(
    frames: NDArray[np.generic],  # [worlds * length, words]
    flags: Flags,
    length: int,
    slots: Integers,  # [2, B] of the newest frames
    out: NDArray[np.generic],  # [2, B, stack, words]
) -> None:
    """Observations from single frames: the newest last, back to where the episode began, zeros before."""
    stack, words = out.shape[2], out.shape[3]
    for end in range(2):
        for b in range(slots.shape[1]):
            slot = slots[end, b]
            base = slot // length * length
            is_over = False
            for back in range(stack - 1, -1, -1):
                if is_over:
                    for word in range(words):
                        out[end, b, back, word] = 0
                    continue
                for word in range(words):
                    out[end, b, back, word] = frames[slot, word]
                is_over = flags[slot] & FIRST != 0
                slot = slot - 1 if slot > base else base + length - 1


@kernel
def judge_all(
    flags: Flags,
    rewards: Singles,
    waiting: Floats,
    ends: Integers,
    pending: Integers,
    nodes: Floats,
    levels: Integers,
    length: int,
    n: int,
    stack: int,
) -> None:
    """Fill an empty tree with every step of the rings that is whole."""
    for w in range(len(ends)):
        pending[w] = judge(flags, rewards, waiting, nodes, levels, w * length, length, 0, ends[w], n, stack)
