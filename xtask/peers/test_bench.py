"""Tests of `bench.py` that run no peer. `cargo test -p xtask` runs them."""
import pathlib
import unittest

import bench
import libraries
from bench import OTHERS, PEERS, Contender, Row, Run, Workload
from libraries import Failure

OURS, ONE_THREAD, DOUBLE = Contender('mlp train', threads=2), Contender('mlp train', threads=1), Contender('mlp train', 'f64', threads=2)
NUMPY_F64, NUMPY, JAX = PEERS[:3]


def took(seconds, loss=20.0):
    return Run(seconds, loss, 0.9)


def row(contender, *seconds):
    return Row(contender, contender.threads or 2, [Run(second, 23.46, 0.92887) for second in seconds])


def timed(script, epochs):
    return bench.time_epochs(['sh', '-c', script], epochs)


class Timing(unittest.TestCase):
    def test_the_first_epoch_is_not_timed(self):
        run = timed("sleep 0.6; echo '1/3  loss 70.8  acc 0.8'; sleep 0.1; echo '2/3  loss 34.1  acc 0.85'; "
                    "sleep 0.1; echo '3/3  loss 30.5  acc 0.9'; sleep 0.6; echo 'test  loss 20.0  acc 0.9'", 2)
        self.assertEqual((run.loss, run.accuracy), (30.5, 0.9))
        # With the first epoch, or the time after the last, it would be at least 0.4.
        self.assertTrue(0.1 <= run.seconds < 0.4, run)

    def test_failing_stopping_early_and_not_learning_are_failures_with_a_reason(self):
        for script, epochs, message in [
            ("echo '1/3  loss 2  acc 0'; echo a >&2; echo why >&2; exit 3", 2, '^why$'),
            ("echo '1/3  loss 2  acc 0.1'; echo '2/3  loss 1  acc 0.2'", 2, '^2 lines .*, expected 3'),
            ("echo '1/2  loss 2  acc 0.1'; echo '2/2  loss nan  acc 0.2'", 1, '^it does not learn'),
            ("echo '1/2  loss 2  acc 0.1'; echo '2/2  loss 2.1  acc 0.2'", 1, '^it does not learn'),
            ("echo '1/2  loss 2  acc 0.1'; echo '2/2  loss 1  acc 0.1'", 1, '^it does not learn'),
        ]:
            with self.assertRaisesRegex(Failure, message):
                timed(script, epochs)

    def test_a_whole_run_has_a_time_and_peak_memory(self):
        seconds, megabytes = bench.run_whole(['sleep', '0.1'])
        self.assertTrue(0.1 <= seconds < 2 and megabytes > 0.5, (seconds, megabytes))
        with self.assertRaisesRegex(Failure, 'false failed with 1'):
            bench.run_whole(['false'])


class Turns(unittest.TestCase):
    def test_a_peer_keeps_its_faster_thread_count(self):
        calls = []

        def run(contender, threads):
            calls.append((contender is OURS, threads))
            return took(threads)

        rows, _ = bench.take_turns(Workload(turns=2), [OURS, JAX], 2, run)
        self.assertEqual(calls, [(True, 2), (False, 1), (False, 2), (True, 2), (False, 1)])
        self.assertEqual([(row.threads, row.seconds()) for row in rows], [(2, [2, 2]), (1, [1, 1])])

    def test_a_peer_that_fails_in_any_turn_is_left_out(self):
        for good_calls in [0, 2]:
            calls = []

            def run(contender, threads):
                if contender is JAX:
                    calls.append(threads)
                    if len(calls) > good_calls:
                        raise Failure('killed')
                return took(1)

            rows, left_out = bench.take_turns(Workload(turns=3), [OURS, JAX, NUMPY], 2, run)
            self.assertEqual([(row.contender, len(row.runs)) for row in rows], [(OURS, 3), (NUMPY, 3)])
            self.assertEqual(left_out, [f'{JAX}: killed'])

    def test_our_own_failure_is_an_error(self):
        def run(contender, threads):
            raise Failure('why')

        with self.assertRaisesRegex(Failure, '^mlp train, f32 failed: why$'):
            bench.take_turns(Workload(), [OURS], 2, run)

    def test_a_peer_with_a_different_loss_is_left_out_except_for_partial_epochs(self):
        def run(contender, threads):
            return took(1, 23.5 if contender is JAX else 20.0)

        rows, left_out = bench.take_turns(Workload(turns=1), [OURS, JAX, NUMPY], 2, run)
        self.assertEqual([row.contender for row in rows], [OURS, NUMPY])
        self.assertTrue(left_out[0].endswith('its loss is 23.5, ours 20.0'), left_out)
        self.assertEqual(bench.take_turns(OTHERS[2], [OURS, JAX], 2, run)[1], [])

    def test_ratios_are_taken_turn_by_turn(self):
        # The ratio of the medians is 4, but noise affects both programs of a turn.
        self.assertEqual(row(JAX, 2, 4, 20).times(row(OURS, 1, 1, 10)), 2)


class Tables(unittest.TestCase):
    def test_ratios_compare_the_same_precision(self):
        rows = [row(OURS, 1, 1, 1), row(ONE_THREAD, 1.5, 1.5, 1.5), row(DOUBLE, 2, 2, 2), row(NUMPY_F64, 4, 5, 6.5)]
        lines = bench.main_table(Workload(turns=5, epochs=3), rows).splitlines()
        self.assertTrue(lines[0].endswith('| loss, accuracy after 4 epochs |'), lines)
        self.assertEqual(lines[1], '| --- | --- | --- | --- | --- | --- | --- |')
        self.assertEqual(lines[2], '| mlp train, f32 | 2 | 1.000 | 1.000 | 1.000 |  | 23.5, 0.9289 |')
        self.assertEqual(lines[3], '| mlp train, f32 | 1 | 1.500 | 1.500 | 1.500 | 1.50 | 23.5, 0.9289 |')
        self.assertEqual(lines[4], '| mlp train, f64 | 2 | 2.000 | 2.000 | 2.000 |  | 23.5, 0.9289 |')
        self.assertEqual(lines[5], f'| {NUMPY_F64} | 2 | 5.000 | 4.000 | 6.500 | 2.50 | 23.5, 0.9289 |')

    def test_other_workloads_are_columns_with_missing_programs_marked(self):
        lines = bench.others_table([(OTHERS[0], [row(OURS, 1)]), (OTHERS[1], [row(OURS, 1), row(JAX, 3)])]).splitlines()
        self.assertEqual(lines[0], '| program | 784-1024-10, batch 100 | 784-100-10, batch 1000 |')
        self.assertEqual(lines[2], '| mlp train, f32 | 1.000 (1.000 to 1.000), t2 | 1.000 (1.000 to 1.000), t2 |')
        self.assertEqual(lines[3], f'| {JAX} | left out | 3.000 (3.000 to 3.000), 3.00×, t2 |')

    def test_a_program_left_out_has_a_line(self):
        self.assertEqual(bench.lines_of(['JAX: why']), '- left out: JAX: why\n')


class Targets(unittest.TestCase):
    def test_a_target_is_missed_beyond_its_limit(self):
        rows = [row(OURS, 0.125), row(ONE_THREAD, 0.25), row(DOUBLE, 0.01), row(NUMPY_F64, 1.25), row(JAX, 0.48)]
        cells = bench.main_targets(Workload(), rows, {'threads': 2, 'gflops': 95.88})
        self.assertEqual(cells[0], [str(NUMPY_F64), '1.250 s', '0.125 s', '0.100', 'at most 1/10', 'yes'])
        self.assertEqual(cells[1][1:], ['not measured', '0.125 s', '', 'at most 1/6', 'not measured'])
        self.assertEqual(cells[2][1:], ['0.480 s', '0.125 s', '0.260', 'at most 1/4', 'missed'])
        self.assertRegex(cells[4][0], '19.2 GFLOP at the sgemm peak, 96 GFLOP/s on 2 threads')
        self.assertEqual(cells[4][1:], ['0.200 s', '0.125 s', '0.625', 'at most 0.65', 'yes'])
        self.assertEqual(cells[5][1:], ['0.250 s', '0.125 s', '0.500', 'at most 0.6', 'yes'])
        on_one_core = bench.main_targets(Workload(), [row(ONE_THREAD, 0.25)], {'threads': 1, 'gflops': 100})
        self.assertEqual(on_one_core[5][5], 'not measured')

    def test_other_sizes_compare_with_the_best_peer(self):
        cells = bench.other_target(OTHERS[0], [row(OURS, 1.5), row(NUMPY, 2), row(JAX, 1.25)])
        self.assertEqual(cells, [f'the best peer at 784-1024-10, batch 100: {JAX}', '1.250 s', '1.500 s', '1.200', 'at most 1', 'missed'])
        self.assertEqual(bench.other_target(OTHERS[0], [row(OURS, 1.5)])[5], 'not measured')

    def test_dense_inputs_compare_with_the_sgemm_peak(self):
        measured = {'sgemm': [{'threads': 2, 'gflops': 160.0}], 'training': [
            {'kernel': 'portable', 'threads': 2, 'gflops': 128.0}, {'kernel': 'openblas', 'threads': 2, 'gflops': 127.0}]}
        cells = bench.dense_targets(bench.DENSE[0], measured)
        against = 'the sgemm peak on 2 threads, for 784-512-10, batch 100 on standardized MNIST, kernel portable'
        self.assertEqual(cells[0], [against, '160 GFLOP/s', '128 GFLOP/s', '0.800', 'at least 0.8', 'yes'])
        self.assertEqual(cells[1][2:], ['127 GFLOP/s', '0.794', 'at least 0.8', 'missed'])


class Work(unittest.TestCase):
    def test_peers_and_mlp_get_the_same_work(self):
        programs = bench.Programs('mlp', pathlib.Path('data'), pathlib.Path('scratch'))
        ours = ' '.join(programs.train(OTHERS[2], DOUBLE, 2))
        self.assertRegex(ours, r'^mlp train --dataset mnist --quiet --data-dir data --run-dir scratch/\S+ --batch-size 1 ')
        peer = ' '.join(programs.train(OTHERS[2], PEERS[5], 2))
        self.assertIn('peers/torch_by_hand.py data/mnist --compile --batch 1 --examples 12000 ', peer)
        for line, precision in [(ours, 'f64'), (peer, 'f32')]:
            self.assertTrue(line.endswith(f'--hidden 100 --epochs 2 --threads 2 --learning-rate 0.01 --precision {precision}'), line)

    def test_partial_epochs_are_complete_batches(self):
        for workload in OTHERS:
            self.assertEqual(workload.examples % workload.batch, 0, workload)

    def test_an_epoch_of_the_chapters_network_is_19_gigaflop(self):
        self.assertAlmostEqual(Workload().gigaflop(), 19.176)

    def test_every_peer_has_a_library_and_installs_numpy(self):
        self.assertEqual({peer.library for peer in PEERS}, set(libraries.LIBRARIES))
        for _, _, calls in libraries.LIBRARIES.values():
            self.assertIn('numpy', sum(calls, []))

    def test_the_reason_is_the_last_line_with_an_error(self):
        traceback = 'Traceback:\n  File "a.py"\nImportError: no libcudart.so\n\nSet VERBOSE=1 for more.\n'
        self.assertEqual(libraries.reason(traceback), 'ImportError: no libcudart.so')
        self.assertEqual(libraries.reason('a\nkilled\n\n'), 'killed')


if __name__ == '__main__':
    unittest.main()
