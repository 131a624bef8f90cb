"""Times `mlp train` and other programs that train the same network, and prints Markdown tables.

`cargo xtask bench` builds `mlp` and runs this. The programs take turns, so that noise on the
machine affects all of them, and a ratio is the median of the ratios within each turn. A peer that
fails or does different work is left out with a reason. A missed target is reported and is not an
error."""
import argparse
import collections
import dataclasses
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import libraries
from libraries import Failure

HERE = pathlib.Path(__file__).parent
IMAGES, PIXELS, CLASSES = 60_000, 784, 10

# Maximum relative difference between a peer's training loss and ours. Measured: up to 7% for
# another seed, 12% for scikit-learn in the wide network (it clips losses at 16), and at least 16%
# for half or twice the learning rate.
MAX_LOSS_DIFFERENCE = 0.15


@dataclasses.dataclass(frozen=True)
class Contender:
    """A program in one precision; `mlp train` if there is no script."""
    name: str
    precision: str = 'f32'
    script: tuple = ()
    library: str = None
    threads: int = None  # None: one or all cores, whichever is faster

    def __str__(self):
        return f'{self.name}, {self.precision}'


PEERS = [
    Contender("NumPy, the chapter's program", 'f64', ('numpy_chapter.py',), 'numpy'),
    Contender("NumPy, the chapter's program", 'f32', ('numpy_chapter.py',), 'numpy'),
    Contender('JAX, jit and scan', 'f32', ('jax_scan.py',), 'jax'),
    Contender('PyTorch, eager with autograd', 'f32', ('torch_autograd.py',), 'pytorch'),
    Contender('PyTorch, eager, gradients by hand', 'f32', ('torch_by_hand.py',), 'pytorch'),
    Contender('PyTorch, compiled, gradients by hand', 'f32', ('torch_by_hand.py', '--compile'), 'pytorch'),
    Contender('scikit-learn, MLPClassifier', 'f32', ('scikit_learn.py',), 'scikit-learn'),
]

# Maximum of our time: 1/N of theirs.
TARGETS = {PEERS[0]: 10, PEERS[1]: 6, PEERS[2]: 4, PEERS[3]: 8}


@dataclasses.dataclass(frozen=True)
class Workload:
    """A network with one hidden layer, its training, and the number of measurements."""
    hidden: int = 100
    batch: int = 100
    learning_rate: float = 0.01  # for the sum of the losses of a batch
    examples: int = IMAGES  # per epoch of a peer; its time is scaled to a full epoch
    turns: int = 3
    epochs: int = 1  # timed epochs per run

    def __str__(self):
        return f'{PIXELS}-{self.hidden}-{CLASSES}, batch {self.batch}'

    def gigaflop(self):
        """GFLOP of an epoch with dense products: Z and ∂J/∂W in both layers, and ∂J/∂H."""
        return 2 * (2 * PIXELS * self.hidden + 3 * self.hidden * CLASSES) * IMAGES / 1e9


# With learning rates at which all programs learn.
OTHERS = [
    Workload(hidden=1024, learning_rate=0.003),
    Workload(batch=1000, learning_rate=0.003, epochs=3),
    Workload(batch=1, examples=12_000),
]
# Compared with the sgemm peak of the machine, on dense inputs, which need all products.
DENSE = [Workload(hidden=512, epochs=3), Workload(hidden=1024, epochs=3)]

Run = collections.namedtuple('Run', 'seconds loss accuracy')


@dataclasses.dataclass
class Row:
    """The runs of a contender, one per turn."""
    contender: Contender
    threads: int
    runs: list

    def seconds(self):
        return [run.seconds for run in self.runs]

    def times(self, other):
        """The median ratio of this row's time to the other's in the same turn."""
        return statistics.median(a / b for a, b in zip(self.seconds(), other.seconds()))


def time_epochs(command, epochs):
    """Times a program that trains `epochs + 1` epochs and prints `k/n  loss L  acc A` after each.
    The first epoch, which includes startup and compilation, is not timed."""
    line = re.compile(rf'\d+/{epochs + 1}  loss (\S+)  acc (\S+)')
    ends = []
    with tempfile.TemporaryFile('w+') as stderr:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True) as child:
            for printed in child.stdout:
                if match := line.match(printed):
                    ends.append((time.perf_counter(), *map(float, match.groups())))
        stderr.seek(0)
        if child.returncode:
            raise Failure(libraries.reason(stderr.read()))
    if len(ends) != epochs + 1:
        raise Failure(f'{len(ends)} lines `k/{epochs + 1}  loss L  acc A`, expected {epochs + 1}')
    (start, first_loss, first_accuracy), (end, loss, accuracy) = ends[0], ends[-1]
    if not (loss <= first_loss and accuracy > first_accuracy):
        raise Failure(f'it does not learn: loss {first_loss} and accuracy {first_accuracy}, then {loss} and {accuracy}')
    return Run((end - start) / epochs, loss, accuracy)


def take_turns(workload, contenders, cores, run):
    """Returns rows and reasons for leaving out. `run(contender, threads)` returns a `Run`."""
    rows, left_out = {}, []

    def leave_out(contender, reason):
        rows.pop(contender, None)
        left_out.append(f'{contender}: {reason}')
        print(f'  left out: {left_out[-1]}', file=sys.stderr)

    for turn in range(workload.turns):
        print(f'{workload}: turn {turn + 1} of {workload.turns}', file=sys.stderr)
        for contender in contenders if turn == 0 else list(rows):
            row = rows.get(contender)
            results, failure = {}, None
            for threads in [row.threads] if row else [contender.threads] if contender.threads else sorted({1, cores}):
                try:
                    results[threads] = run(contender, threads)
                except Failure as caught:
                    failure = caught
            if not results:
                if not contender.script:
                    raise Failure(f'{contender} failed: {failure}')
                leave_out(contender, failure)
            elif row:
                row.runs += results.values()
            else:
                best = min(results, key=lambda threads: results[threads].seconds)
                rows[contender] = Row(contender, best, [results[best]])
    if workload.examples == IMAGES:
        ours = ours_like(rows.values(), 'f32').runs[-1].loss
        for contender, row in list(rows.items()):
            if abs(row.runs[-1].loss / ours - 1) > MAX_LOSS_DIFFERENCE:
                leave_out(contender, f'different work: its loss is {row.runs[-1].loss}, ours {ours}')
    return list(rows.values()), left_out


def ours_like(rows, precision):
    """Our row in a precision; the first one, which uses all cores."""
    return next(row for row in rows if not row.contender.script and row.contender.precision == precision)


def spread(values, form):
    """Median, minimum and maximum."""
    return [form % value for value in (statistics.median(values), min(values), max(values))]


def markdown(header, rows):
    lines = [header, ['---'] * len(header), *rows]
    return ''.join('| ' + ' | '.join(map(str, line)) + ' |\n' for line in lines)


def lines_of(left_out):
    return ''.join(f'- left out: {line}\n' for line in left_out)


def main_table(workload, rows):
    def cells(row):
        ours, last = ours_like(rows, row.contender.precision), row.runs[-1]
        times = '' if row is ours else f'{row.times(ours):.2f}'
        return [row.contender, row.threads, *spread(row.seconds(), '%.3f'), times, f'{last.loss:.1f}, {last.accuracy:.4f}']

    learned = f'loss, accuracy after {workload.epochs + 1} epochs'
    return markdown(['program', 'threads', 'median', 'min', 'max', "times mlp's", learned], map(cells, rows))


def others_table(measured):
    """A row per program and a column per workload; `measured` has pairs of workload and rows."""
    def cell(rows, contender):
        row = next((row for row in rows if row.contender == contender), None)
        if not row:
            return 'left out'
        times = f', {row.times(ours_like(rows, "f32")):.2f}×' if contender.script else ''
        median, least, most = spread(row.seconds(), '%.3f')
        return f'{median} ({least} to {most}){times}, t{row.threads}'

    contenders = dict.fromkeys(row.contender for _, rows in measured for row in rows)
    body = [[contender, *(cell(rows, contender) for _, rows in measured)] for contender in contenders]
    return markdown(['program', *(workload for workload, _ in measured)], body)


def target(against, theirs, ours, unit, limit, ratio=None):
    """A row of the table of targets. `limit` is `at most X`, `at most 1/N` or `at least X`;
    `theirs` is None if not measured."""
    if theirs is None:
        return [against, 'not measured', unit % ours, '', limit, 'not measured']
    ratio = ours / theirs if ratio is None else ratio
    numerator, _, denominator = limit.split()[-1].partition('/')
    bound = float(numerator) / float(denominator or 1)
    reached = ratio <= bound if 'most' in limit else ratio >= bound
    return [against, unit % theirs, unit % ours, f'{ratio:.3f}', limit, 'yes' if reached else 'missed']


def row_target(against, row, ours, limit):
    """A target for the ratio of two rows with the same turns."""
    median = statistics.median
    theirs, ratio = (median(row.seconds()), ours.times(row)) if row else (None, None)
    return target(against, theirs, median(ours.seconds()), '%.3f s', limit, ratio)


def main_targets(workload, rows, peak):
    ours = ours_like(rows, 'f32')
    by_contender = {row.contender: row for row in rows}
    found = [row_target(str(peer), by_contender.get(peer), ours, f'at most 1/{part}') for peer, part in TARGETS.items()]
    floor = (f'the dense floor: {workload.gigaflop():.1f} GFLOP at the sgemm peak, '
             f'{peak["gflops"]:.0f} GFLOP/s on {peak["threads"]} threads')
    seconds = statistics.median(ours.seconds())
    found.append(target(floor, workload.gigaflop() / peak['gflops'], seconds, '%.3f s', 'at most 0.65'))
    # On a one-core machine both are the same run.
    single = [row for row in rows if row is not ours and not row.contender.script and row.contender.precision == 'f32']
    return found + [row_target('our own one-thread time', single[0] if single else None, ours, 'at most 0.6')]


def other_target(workload, rows):
    """The target at other sizes: no slower than the best peer."""
    peers = [row for row in rows if row.contender.script]
    best = min(peers, key=lambda row: statistics.median(row.seconds()), default=None)
    name = best.contender if best else 'none measured'
    return row_target(f'the best peer at {workload}: {name}', best, ours_like(rows, 'f32'), 'at most 1')


def dense_targets(workload, measured):
    """The targets on dense inputs: 80% of the sgemm peak. `measured` is the output of
    `mlp bench --standardize --json`."""
    peaks = {peak['threads']: peak['gflops'] for peak in measured['sgemm']}
    return [target(f'the sgemm peak on {row["threads"]} threads, for {workload} on standardized MNIST, kernel {row["kernel"]}',
                   peaks[row['threads']], row['gflops'], '%.0f GFLOP/s', 'at least 0.8') for row in measured['training']]


def run_whole(command):
    """Seconds from start to exit, and peak memory in MB; this Python's 10 MB is the minimum."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise Failure(f'{command[0]} failed with {child.returncode}')
    # Linux reports KiB, macOS bytes.
    return seconds, usage.ru_maxrss * (1 if sys.platform == 'darwin' else 1024) / 1e6


class Programs:
    """The command lines of the programs."""

    def __init__(self, mlp, data_dir, scratch):
        self.mlp, self.data_dir, self.scratch = mlp, data_dir, scratch
        self.runs = 0

    def mlp_train(self, *arguments):
        self.runs += 1
        run_dir = self.scratch / f'{os.getpid()}-{self.runs}'
        return [self.mlp, 'train', '--dataset', 'mnist', '--quiet', '--data-dir', self.data_dir, '--run-dir', run_dir, *arguments]

    def train(self, workload, contender, threads):
        """The command that trains one epoch more than is timed."""
        work = {'--hidden': workload.hidden, '--epochs': workload.epochs + 1, '--threads': threads,
                '--learning-rate': workload.learning_rate, '--precision': contender.precision}
        if not contender.script:
            command = self.mlp_train('--batch-size', workload.batch)
        else:
            script, *flags = contender.script
            command = [sys.executable, '-B', HERE / script, self.data_dir / 'mnist', *flags, '--batch', workload.batch]
            command += [] if workload.examples == IMAGES else ['--examples', workload.examples]
        return [str(word) for word in [*command, *(word for pair in work.items() for word in pair)]]

    def run(self, workload, contender, threads):
        measured = time_epochs(self.train(workload, contender, threads), workload.epochs)
        scale = IMAGES / workload.examples if contender.script else 1
        print(f'  {contender}, threads {threads}: {measured.seconds * scale:.3f} s', file=sys.stderr)
        return measured._replace(seconds=measured.seconds * scale)

    def mlp_bench(self, *arguments):
        command = [self.mlp, 'bench', '--json', '--data-dir', self.data_dir, *map(str, arguments)]
        print('bench:', *command[1:], file=sys.stderr)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise Failure(f'`mlp bench` failed: {libraries.reason(done.stderr)}')
        return json.loads(done.stdout)

    def whole(self):
        """Runs 50 epochs from start to exit, three times. Returns rows, failures, targets."""
        chapter = [sys.executable, '-B', HERE.parent / 'reference/chapter.py', self.data_dir / 'mnist', '0', '50']
        ours, numpy, left_out = [], [], []
        for turn in range(3):
            print(f'whole programs: turn {turn + 1} of 3', file=sys.stderr)
            ours.append(run_whole(self.mlp_train()))
            try:
                numpy.append(run_whole(chapter))
            except Failure as failure:
                left_out = [failure]
        rows, medians = [], {}
        for name, runs in [('mlp train, f32', ours), ("NumPy, the chapter's program, f64", [] if left_out else numpy)]:
            if runs:
                seconds, megabytes = zip(*runs)
                rows.append([name, *spread(seconds, '%.2f s'), f'{max(megabytes):.0f} MB'])
                medians[name] = statistics.median(seconds)
        our_seconds, *theirs = medians.values()
        return rows, left_out, [
            target("50 epochs of the chapter's NumPy program, from start to exit", *(theirs or [None]), our_seconds, '%.3f s',
                   'at most 1/10'),
            target('memory limit for 50 epochs', 150, max(run[1] for run in ours), '%.0f MB', 'at most 1'),
        ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--mlp', required=True)
    parser.add_argument('--blas', required=True, help='description of the BLAS library')
    parser.add_argument('--data-dir', type=pathlib.Path, required=True)
    parser.add_argument('--scratch', type=pathlib.Path, required=True)
    parser.add_argument('--peers', nargs='*', choices=libraries.LIBRARIES)
    parser.add_argument('--whole', action='store_true')
    parser.add_argument('--repetitions', type=int, default=5)
    parser.add_argument('--epochs', type=int, default=3)
    args = parser.parse_args()
    programs = Programs(args.mlp, args.data_dir, args.scratch)
    installed, left_out = [], []
    for library in args.peers or []:
        try:
            libraries.install(library)
            installed.append(library)
        except Failure as failure:
            print(f'bench: left out: {failure}', file=sys.stderr)
            left_out.append(failure)

    # First, because it can fail and the rest takes minutes.
    here = programs.mlp_bench()
    machine, peak = here['machine'], max(here['sgemm'], key=lambda peak: peak['threads'])
    cores = machine['cores']
    versions = f'; {libraries.versions()}' if installed else ''
    print(f'{machine["cpu"]}, {cores} cores, {args.blas}{versions}\n\n{lines_of(left_out)}', flush=True)

    peers = [peer for peer in PEERS if peer.library in installed]
    ours = Contender('mlp train', threads=cores)
    own = dict.fromkeys([ours, dataclasses.replace(ours, threads=1), dataclasses.replace(ours, precision='f64')])

    def measure(workload, contenders):
        return take_turns(workload, contenders, cores, lambda *run: programs.run(workload, *run))

    chapter = Workload(turns=args.repetitions, epochs=args.epochs)
    best = '; peers run on one thread or on all, whichever is faster' if peers else ''
    rows, left_out = measure(chapter, [*own, *peers])
    print(f'{chapter} on MNIST: seconds per epoch; runs: {chapter.turns}, timed epochs per run: {chapter.epochs}{best}\n\n'
          f'{main_table(chapter, rows)}{lines_of(left_out)}', flush=True)
    if args.peers is None:
        return
    targets = main_targets(chapter, rows, peak)

    others, left_out = [], []
    caption = 'Other sizes: seconds per epoch, median (min to max), times mlp\'s, threads'
    for workload in OTHERS:
        rows, missing = measure(workload, [ours, *(peer for peer in peers if peer.precision == 'f32')])
        others.append((workload, rows))
        left_out += [f'{workload}, {line}' for line in missing]
        targets.append(other_target(workload, rows))
        caption += f'; {workload}: runs {workload.turns}, epochs {workload.epochs}, learning rate {workload.learning_rate}'
        if workload.examples != IMAGES:
            caption += f", peers on {workload.examples} examples, scaled to a full epoch"
    print(f'{caption}{best}\n\n{others_table(others)}{lines_of(left_out)}', flush=True)

    for workload in DENSE:
        measured = programs.mlp_bench('--standardize', '--hidden', workload.hidden, '--batch-size', workload.batch,
                                      '--epochs', workload.epochs, '--threads', cores)
        targets += dense_targets(workload, measured)
    if args.whole:
        rows, left_out, more = programs.whole()
        header = ['50 epochs, from start to exit', 'median', 'min', 'max', 'peak memory']
        print(f'{markdown(header, rows)}{lines_of(left_out)}', flush=True)
        targets += more
    print(markdown(['against', 'theirs', 'ours', 'ours/theirs', 'target', 'reached'], targets), end='')


if __name__ == '__main__':
    try:
        main()
    except Failure as failure:
        sys.exit(f'error: {failure}')
