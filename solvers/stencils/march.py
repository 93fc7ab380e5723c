"""The engine: steps of any equation on planes of cells, several stages in one pass over memory.

A state is (fields, planes, S): the first axis of the grid stands over planes, the other two lie
flat in S = (n1 + 2 g1) width with their ghost cells, width = n2 + 2 g2 and what makes rows whole
vectors. All stages of one or more time steps
are levels 1..L over the state, level 0. A pass walks along the planes once: level l follows
level l-1 at a distance of `lag` planes and writes into a ring of few planes, which stays in
cache; the last level writes over the state. Planes and rows beyond the slab's own come from its
neighbours (or from its other end, where it is periodic) and are stepped again by each, so that
slabs need no other word from each other during a pass (overlapped time tiles).
"""

from __future__ import annotations

from ..kernels import REASSOCIATE, kernel

# Columns of `layout`, the sizes of a slab.
N0, N1, N2, G0, G1, G2, WIDTH, HALO, ROWS = range(9)
LAG, WINDOW, TRIGGER, PHYSICAL_LOW, PHYSICAL_HIGH, ROWS_LOW, ROWS_HIGH, SIZE = range(9, 17)
# Columns of `ends`: what happens at an end. Cells overwritten inside, and cells looked at.
KIND, INSIDE, SOURCES = range(3)
_, PERIODIC, CLOSURE = range(3)


@kernel()
def _copy_cells(target, source):
    # A loop compiles several times faster than an assignment of slices.
    for j in range(target.size):
        target[j] = source[j]


@kernel()
def _fill(cells, first, step, ghosts, sources, table, values):
    """cells[first - q step] = values[q] + sum_k table[q, k] cells[first + (k + 1) step].

    cells: (n, width); the ghosts are whole rows of it, q = 0.. outwards.
    """
    width = cells.shape[1]
    for q in range(ghosts):
        ghost = cells[first - q * step]
        value = values[q]
        for j in range(width):
            ghost[j] = value
        for k in range(sources):
            weight = table[q, k]
            source = cells[first + (k + 1) * step]
            if weight != 0:
                for j in range(width):
                    ghost[j] += weight * source[j]


@kernel()
def _fill_rows(rows, n, g, low, high, ends, tables, values):
    """Ends of an axis of n cells and g ghosts, that of the first index of `rows`: those that are
    there."""
    if ends[0, KIND] == PERIODIC:
        if low:
            for q in range(g):
                _copy_cells(rows[q], rows[n + q])
                _copy_cells(rows[g + n + q], rows[g + q])
        return
    if low:
        inside = ends[0, INSIDE]
        _fill(rows, g + inside - 1, 1, g + inside, ends[0, SOURCES], tables[0], values[0])
    if high:
        inside = ends[1, INSIDE]
        _fill(rows, g + n - inside, -1, g + inside, ends[1, SOURCES], tables[1], values[1])


@kernel()
def _fill_columns(rows, first, last, n, g, ends, tables, values):
    """The same at both ends of every row from first to last."""
    if ends[0, KIND] == PERIODIC:
        for q in range(g):
            for j in range(first, last):
                rows[j, q] = rows[j, n + q]
                rows[j, g + n + q] = rows[j, g + q]
    else:
        for side in range(2):
            step = 1 if side == 0 else -1
            start = g + ends[side, INSIDE] - 1 if side == 0 else g + n - ends[side, INSIDE]
            for q in range(g + ends[side, INSIDE]):
                # Loops along the rows have no loop inside, which would cost more than its work.
                value, ghost = values[side, q], start - q * step
                for j in range(first, last):
                    rows[j, ghost] = value
                for k in range(ends[side, SOURCES]):
                    weight, source = tables[side, q, k], start + (k + 1) * step
                    if weight != 0:
                        for j in range(first, last):
                            rows[j, ghost] += weight * rows[j, source]


@kernel()
def fill_plane(state, slot, layout, before, behind, ends, tables, values):
    """Ghosts of axes 1 and 2 of one plane, and of so many rows before and behind the slab's own;
    values (axis, side, field, ghost)."""
    n1, n2, g1, g2, own = layout[N1], layout[N2], layout[G1], layout[G2], layout[ROWS]
    for c in range(state.shape[0]):
        rows = state[c, slot].reshape(n1 + 2 * own, layout[WIDTH])
        if g2:
            _fill_columns(
                rows, own - before, own + n1 + behind, n2, g2, ends[2, :, c], tables[2, :, c],
                values[2, :, c],
            )  # fmt: skip
        if g1:
            _fill_rows(
                rows[own - g1 : own + n1 + g1], n1, g1, layout[ROWS_LOW], layout[ROWS_HIGH],
                ends[1, :, c], tables[1, :, c], values[1, :, c],
            )  # fmt: skip


@kernel()
def _fill_rest(state, slot, layout):
    """What makes rows of a plane whole vectors becomes the last ghost, so that it stays a number
    like those beside it."""
    last, width = layout[N2] + 2 * layout[G2] - 1, layout[WIDTH]
    if width == last + 1:
        return
    for c in range(state.shape[0]):
        rows = state[c, slot].reshape(layout[N1] + 2 * layout[ROWS], width)
        for j in range(rows.shape[0]):
            for q in range(last + 1, width):
                rows[j, q] = rows[j, last]


@kernel()
def fill_low(state, offset, mask, layout, ends, tables, values):
    """Ghost planes before plane 0; plane p stands in slot (p + offset) & mask."""
    for c in range(state.shape[0]):
        inside = ends[0, 0, c, INSIDE]
        for q in range(layout[G0] + inside):
            ghost = state[c, (inside - 1 - q + offset) & mask]
            for j in range(ghost.size):
                ghost[j] = values[0, 0, c, q]
            for k in range(ends[0, 0, c, SOURCES]):
                weight, source = tables[0, 0, c, q, k], state[c, (inside + k + offset) & mask]
                if weight != 0:
                    for j in range(ghost.size):
                        ghost[j] += weight * source[j]


@kernel()
def fill_high(state, offset, mask, layout, ends, tables, values):
    """Ghost planes after plane n0 - 1."""
    for c in range(state.shape[0]):
        inside = ends[0, 1, c, INSIDE]
        last = layout[N0] - inside
        for q in range(layout[G0] + inside):
            ghost = state[c, (last + q + offset) & mask]
            for j in range(ghost.size):
                ghost[j] = values[0, 1, c, q]
            for k in range(ends[0, 1, c, SOURCES]):
                weight, source = tables[0, 1, c, q, k], state[c, (last - 1 - k + offset) & mask]
                if weight != 0:
                    for j in range(ghost.size):
                        ghost[j] += weight * source[j]


@kernel()
def fill_state(state, layout, ends, tables, values):
    """All ghosts of a slab, and the cells on its boundary that are given."""
    for p in range(layout[N0]):
        fill_plane(state, p + layout[HALO], layout, 0, 0, ends, tables, values)
        _fill_rest(state, p + layout[HALO], layout)
    if layout[PHYSICAL_LOW] and layout[G0]:
        fill_low(state, layout[HALO], -1, layout, ends, tables, values)
    if layout[PHYSICAL_HIGH] and layout[G0]:
        fill_high(state, layout[HALO], -1, layout, ends, tables, values)


@kernel()
def wrap_halo(state, layout):
    """The halo of a single periodic slab, from its other end."""
    halo, n0 = layout[HALO], layout[N0]
    for c in range(state.shape[0]):
        for p in range(halo):
            # A slab thinner than its halo goes round more than once.
            _copy_cells(state[c, halo - 1 - p], state[c, halo + n0 - 1 - p % n0])
            _copy_cells(state[c, halo + n0 + p], state[c, halo + p % n0])


@kernel(REASSOCIATE)
def is_finite(state, layout):
    """Whether the fields hold no infinity and no NaN; one sum over all, ghosts included."""
    total = state[0, 0, 0] * 0
    for c in range(state.shape[0]):
        for p in range(layout[HALO], layout[HALO] + layout[N0]):
            plane = state[c, p]
            for j in range(plane.size):
                total += plane[j] * 0
    return total == 0


@kernel()
def _mix(state, slot, other, other_slot, share):
    """state += share * other on one plane."""
    for c in range(state.shape[0]):
        target, source = state[c, slot], other[c, other_slot]
        for j in range(target.size):
            target[j] += share * source[j]


@kernel()
def _copy(state, slot, other, other_slot):
    for c in range(state.shape[0]):
        _copy_cells(state[c, slot], other[c, other_slot])


@kernel()
def sweep(
    update, state, rings, scratch, coefficients, layout, plan, shares, steps, weights, p, ends,
    tables, given,
):  # fmt: skip
    """One pass. plan (L, 2 + history): history terms, copy or not, and of which levels; given
    (L, 3, 2, fields, ghosts): values at the ends;
    shares (L, 1 + history) and steps (L,): out = shares[0] own + steps F + shares[h] Y_h.
    """
    levels, halo, lag, r = plan.shape[0], layout[HALO], layout[LAG], layout[G0]
    n0, n1, n2, g1, g2 = layout[N0], layout[N1], layout[N2], layout[G1], layout[G2]
    low, high = layout[PHYSICAL_LOW], layout[PHYSICAL_HIGH]
    ring_mask = layout[WINDOW] - 1
    width, rows = layout[WIDTH], layout[ROWS]
    rows_low, rows_high = layout[ROWS_LOW], layout[ROWS_HIGH]
    trigger = layout[TRIGGER]
    for i in range(lag - (levels - 1) * r, n0 + levels * lag):
        for level in range(1, levels + 1):
            plane = i - level * lag
            beyond = (levels - level) * r
            if plane < (0 if low else -beyond) or plane >= n0 + (0 if high else beyond):
                continue
            before = 0 if rows_low else (levels - level) * g1
            behind = 0 if rows_high else (levels - level) * g1
            first = (rows - before) * width + g2
            count = (before + n1 + behind - 1) * width + n2
            source, mask, offset = (
                (state, -1, halo) if level == 1 else (rings[level - 2], ring_mask, 0)
            )
            target, out_mask, out_offset = (
                (state, -1, halo) if level == levels else (rings[level - 1], ring_mask, 0)
            )
            slot, own = (plane + out_offset) & out_mask, (plane + offset) & mask
            if plan[level - 1, 1]:
                _copy(target, slot, source, own)
            else:
                if level == levels and plan[level - 1, 0]:
                    # The state's own plane is about to be overwritten.
                    _copy(scratch, 0, state, slot)
                update(
                    source, plane + offset, mask, target, slot, coefficients, plane + halo,
                    first, count, width, shares[level - 1, 0], steps[level - 1], weights, p,
                )  # fmt: skip
                for h in range(plan[level - 1, 0]):
                    number, share = plan[level - 1, 2 + h], shares[level - 1, 1 + h]
                    if number > 0:
                        _mix(target, slot, rings[number - 1], plane & ring_mask, share)
                    elif level == levels:
                        _mix(target, slot, scratch, 0, share)
                    else:
                        _mix(target, slot, state, plane + halo, share)
            values = given[level - 1]
            fill_plane(target, slot, layout, before, behind, ends, tables, values)
            if level == levels:
                _fill_rest(target, slot, layout)
            if r and low and plane == trigger:
                fill_low(target, out_offset, out_mask, layout, ends, tables, values)
            if r and high and plane == n0 - 1:
                fill_high(target, out_offset, out_mask, layout, ends, tables, values)


@kernel()
def march(
    passes, wraps, looks, update, state, rings, scratch, coefficients, layout, plan, shares, steps,
    weights, p, bc,
):  # fmt: skip
    """`passes` passes over a slab, periodic with itself or not; whether it is finite then, if it
    is looked at.

    bc: ends, tables, and values (passes or 1, levels, 3, 2, fields, ghosts).
    """
    ends, tables, values = bc
    for number in range(passes):
        if wraps:
            wrap_halo(state, layout)
        sweep(
            update, state, rings, scratch, coefficients, layout, plan, shares, steps, weights, p,
            ends, tables, values[number % values.shape[0]],
        )  # fmt: skip
    return not looks or is_finite(state, layout)
