"""A function of arrays as a list of instructions: written down at its first call, carried out at every later one.

Between two calls on arrays of the same shapes nothing changes but the numbers: the same operations in the same order,
and the same way back. So at the first call boxes of autograd's are sent through the function whose nodes are
`Register`s, and every operation that meets one is noted: which function it is, where its arguments lie and where its
outputs. Later calls go without boxes and nodes, without checks of shapes, and know the way back already.
"""

import functools

import numpy
from autograd.core import VJPNode, add_outgrads, primitive_vjps, vspace
from autograd.tracer import Node, isbox, new_box, notrace_primitives, toposort, trace_stack

from .common import leaves, map_arrays
from .tape import apart


class Register(Node):
    """The place of a value. `parents` are the nodes that its gradient goes on to; None: it has none."""

    __slots__ = ["program", "place", "parents", "made_by"]

    def __init__(self, value, primitive, arguments, keywords, places, parents):
        """The output of one of autograd's own operations; the parameters are those that it gives its nodes."""
        registers = dict(zip(places, parents))
        followed = primitive not in notrace_primitives[VJPNode]
        wanted = tuple(k for k in places if registers[k].parents is not None and followed)
        self.program = parents[0].program
        instruction = self.program.note(with_rule(primitive, keywords, wanted), arguments, registers, wanted)
        self.place = instruction.outputs = self.program.new_place()
        self.parents, self.made_by = instruction.parents if wanted else None, instruction

    @classmethod
    def of(cls, program, place, parents):
        """A register that an operation of autograd's did not make."""
        register = cls.__new__(cls)
        register.program, register.place, register.parents, register.made_by = program, place, parents, None
        return register


class Instruction:
    """outputs, pull_back = function(*arguments): where the arguments lie and, one place or a list of them, the outputs.

    `pull_back` turns gradients of the outputs into those of the arguments that are `wanted`, of which the registers are
    the `parents`. `forms` are shapes and types of a list of outputs, `done` the places that no later instruction uses.
    """

    def __init__(self, function, arguments, parents):
        self.function, self.arguments, self.parents = function, arguments, parents
        self.wanted = [register.place for register in parents]


def with_rule(primitive, keywords, wanted):
    """An operation of autograd's with its rule for the arguments in the places `wanted`: an Instruction's function."""
    function = functools.partial(primitive.fun, **keywords)
    if wanted and primitive not in primitive_vjps:
        raise NotImplementedError(f"{primitive.__name__} has no derivative")
    rule = primitive_vjps[primitive] if wanted else None

    @functools.wraps(primitive)
    def carry_out(*arguments):
        answer = function(*arguments)
        return answer, rule(wanted, answer, arguments, keywords) if rule else None

    return carry_out


def note_kernel(function, backward_of, arguments, boxes, outputs):
    """Note the call of a kernel that has just been made with `boxes` {place among the arguments: box}.

    `backward_of(backward, wanted)` makes a kernel's `backward` an Instruction's `pull_back`. Returns the outputs in
    boxes.
    """
    registers = {k: box._node for k, box in boxes.items()}
    trace = next(iter(boxes.values()))._trace
    program = next(iter(registers.values())).program
    wanted = [k for k, register in registers.items() if register.parents is not None]

    @functools.wraps(function)
    def carry_out(*arguments):
        outputs, backward = function(*arguments)
        return outputs, backward_of(backward, wanted) if wanted else None

    instruction = program.note(carry_out, arguments, registers, wanted)
    if not isinstance(outputs, tuple):
        instruction.outputs = program.new_place()
        register = Register.of(program, instruction.outputs, instruction.parents if wanted else None)
        register.made_by = instruction
        return new_box(outputs, trace, register)
    instruction.outputs = [program.new_place() for _ in outputs]
    instruction.forms = [(output.shape, output.dtype) for output in outputs]
    parents = [instruction] if wanted else None
    return tuple(
        new_box(output, trace, Register.of(program, place, parents))
        for output, place in zip(outputs, instruction.outputs)
    )


class Program:
    """The instructions for value and gradient of `function(params, *inputs)`; only `params` get a gradient.

    The function must compute with arrays only and never look at their values, other than to refuse them.
    """

    def __init__(self, function, params, inputs, arrays):
        self.arrays, self.memory, self.instructions = arrays, [], []
        self.form = form((params, inputs))

        def begin(parents):
            return lambda leaf: new_box(leaf, trace, Register.of(self, self.new_place(), parents))

        with trace_stack.new_trace() as trace:
            end = function(map_arrays(begin([]), params), *map_arrays(begin(None), inputs))._node
        self.end = end.place
        self.starts = range(len(leaves(params)))
        self.way_back = [
            instruction
            for node in toposort(end)
            for instruction in [node if isinstance(node, Instruction) else node.made_by]
            if instruction
        ]
        last_use = {}
        for instruction in self.instructions:
            instruction.done = []
            made = instruction.outputs if isinstance(instruction.outputs, list) else [instruction.outputs]
            last_use.update(dict.fromkeys([*instruction.arguments, *made], instruction))
        for place, instruction in last_use.items():
            if place != self.end:
                instruction.done.append(place)

    def new_place(self, value=None):
        self.memory.append(value)
        return len(self.memory) - 1

    def note(self, function, arguments, registers, wanted):
        """Note a call; what is not in a register is the same at every call."""
        places = [
            registers[k].place if k in registers else self.new_place(argument) for k, argument in enumerate(arguments)
        ]
        self.instructions.append(Instruction(function, places, [registers[k] for k in wanted]))
        return self.instructions[-1]

    def run(self, params, inputs, slope_of):
        """Value and gradient; `slope_of(value)` is what each part of the value counts in it."""
        value, pull_backs = self.forward(leaves((params, inputs)))
        arrived = self.back(slope_of(value), pull_backs)
        parts = leaves(params)
        found = [arrived[k][0] if k in arrived else vspace(parts[k]).zeros() for k in self.starts]
        return value, apart(found, params, self.arrays)

    def forward(self, given):
        """Carry out all instructions. Returns the value, and {instruction: what it needs for the way back}."""
        memory, pull_backs = self.memory.copy(), {}
        memory[: len(given)] = given
        for instruction in self.instructions:
            outputs, pull_backs[instruction] = instruction.function(*[memory[k] for k in instruction.arguments])
            if isinstance(instruction.outputs, list):
                for place, output in zip(instruction.outputs, outputs):
                    memory[place] = output
            else:
                memory[instruction.outputs] = outputs
            for place in instruction.done:
                memory[place] = None
        return memory[self.end], pull_backs

    def back(self, slope, pull_backs):
        """The way back. Returns {place: (the gradient that has arrived there, whether it may be written to)}."""
        arrived = {self.end: (slope, False)}
        for instruction in self.way_back:
            gradients = self.gradients_of(instruction, arrived)
            for place, part in zip(instruction.wanted, pull_backs.pop(instruction)(*gradients)):
                arrived[place] = added(arrived.get(place), part)
        return arrived

    def gradients_of(self, instruction, arrived):
        """What has arrived at an instruction's outputs; zeros at those that nothing has come back from."""
        if not isinstance(instruction.outputs, list):
            return [arrived.pop(instruction.outputs)[0]]
        return [
            arrived.pop(place)[0] if place in arrived else self.arrays.zeros(*form)
            for place, form in zip(instruction.outputs, instruction.forms)
        ]


def added(before, part):
    """(sum of gradients, whether it may be written to), as `add_outgrads`, which takes longer to find out how."""
    if type(part) is not numpy.ndarray:
        return add_outgrads(before, part)
    if before is None:
        return part, False
    total, own = before
    return numpy.add(total, part, out=total if own else None), True


def form(tree):
    """Names, shapes and types of all arrays of a tree, in order."""
    if isinstance(tree, dict):
        return [(name, form(part)) for name, part in tree.items()]
    if isinstance(tree, (list, tuple)):
        return [form(part) for part in tree]
    return getattr(tree, "shape", None), getattr(tree, "dtype", type(tree))


def recording(box):
    """Whether a box is on its way through a function whose program is being written."""
    return isbox(box) and isinstance(box._node, Register)


def without_gradient(box):
    """The same value in a box that no gradient comes back through."""
    return new_box(box._value, box._trace, Register.of(box._node.program, box._node.place, None))
