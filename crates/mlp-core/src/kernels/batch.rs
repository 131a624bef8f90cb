//! The sparse rows of a batch, gathered: the same form whatever form the rows had, near to each other in memory, and cut into panels
//! of columns whose weights fit into the first-level cache. And the same entries by column, for the update.
//!
//! The rows of a shuffled batch lie all over the data set. To fetch them in a loop of its own costs a third of the time that the
//! products would otherwise spend waiting for them.

use super::team::{Shares, Team};
use crate::{Scalar, SparseRows};

/// Columns of a panel: the weights of a panel, for the at most 64 units of a tile, take 32 KB.
pub(crate) const PANEL: usize = 128;

/// Rows that are transposed together: the δ of a chunk, for the units of a tile, stay in the first-level cache, too.
pub(crate) const CHUNK: usize = 128;

/// From how many rows on a transpose pays.
const FEW_ROWS: usize = 8;

/// A number of the batch and the column in which it stands; or, transposed, the row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry<A> {
    pub(crate) index: u32,
    pub(crate) value: A,
}

/// See above. All entries have indices below the number of rows or columns: the kernels rely on it.
#[derive(Debug, Default)]
pub(crate) struct Batch<A> {
    rows: usize,
    columns: usize,
    starts: Vec<usize>,      // (rows + 1), the rows' entries
    splits: Vec<u32>,        // (rows, panels + 1), the panels of each row
    entries: Vec<Entry<A>>,  // by row
    bases: Vec<usize>,       // (panels + 1), the panels' transposed entries
    heads: Vec<[u32; PANEL + 1]>, // (panels, chunks), the columns of each, in `transposed`
    transposed: Vec<Entry<A>>, // by panel, chunk, column
    is_transposed: bool,
}

impl<A: Scalar> Batch<A> {
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    pub(crate) fn panels(&self) -> usize {
        self.columns.div_ceil(PANEL)
    }

    pub(crate) fn chunks(&self) -> usize {
        self.rows.div_ceil(CHUNK)
    }

    /// Copies the rows, in place of those that were here.
    pub(crate) fn gather(&mut self, team: &mut Team, x: &SparseRows<'_, A>) {
        (self.rows, self.columns) = (x.len(), x.width());
        self.is_transposed = false;
        let panels = self.panels();
        self.starts.clear();
        self.starts.push(0);
        let mut end = 0;
        self.starts.extend((0..self.rows).map(|row| {
            end += x.range(row).len();
            end
        }));
        assert!(u32::try_from(end).is_ok(), "a batch of {end} numbers that are not zero; at most 2³² - 1 fit");
        grow(&mut self.entries, end);
        grow(&mut self.splits, self.rows * (panels + 1));
        let shares = Shares::new(self.rows, 1, team.len());
        let starts = &self.starts;
        let parts = (
            shares.map(|row| row * (panels + 1)).slice(&mut self.splits[..self.rows * (panels + 1)]),
            shares.map(|row| starts[row]).slice(&mut self.entries[..end]),
        );
        team.run(parts, |member, (splits, entries)| {
            let rows = shares.range(member);
            let first = starts[rows.start];
            for (row, splits) in rows.zip(splits.chunks_exact_mut(panels + 1)) {
                let (start, end) = (starts[row], starts[row + 1]);
                gather_row(x, row, start as u32, splits, &mut entries[start - first..end - first]);
            }
        });
    }

    /// The entries of a row in a panel.
    #[inline(always)]
    pub(super) fn row(&self, row: usize, panel: usize) -> &[Entry<A>] {
        let place = row * (self.panels() + 1) + panel;
        &self.entries[self.splits[place] as usize..self.splits[place + 1] as usize]
    }

    /// All entries of a row.
    pub(super) fn whole_row(&self, row: usize) -> &[Entry<A>] {
        &self.entries[self.starts[row]..self.starts[row + 1]]
    }

    /// Prepares the update: the same entries by column, each value multiplied by `alpha`. Of a few rows it is left out.
    pub(crate) fn transpose(&mut self, team: &mut Team, alpha: A) {
        self.is_transposed = self.rows >= FEW_ROWS;
        if !self.is_transposed {
            return;
        }
        let (panels, chunks) = (self.panels(), self.chunks());
        self.bases.clear();
        self.bases.resize(panels + 1, 0);
        for splits in self.splits[..self.rows * (panels + 1)].chunks_exact(panels + 1) {
            for (base, ends) in self.bases[1..].iter_mut().zip(splits.windows(2)) {
                *base += (ends[1] - ends[0]) as usize;
            }
        }
        for panel in 0..panels {
            self.bases[panel + 1] += self.bases[panel];
        }
        let mut transposed = std::mem::take(&mut self.transposed);
        let mut heads = std::mem::take(&mut self.heads);
        grow(&mut transposed, self.bases[panels]);
        if heads.len() < panels * chunks {
            heads.resize(panels * chunks, [0; PANEL + 1]);
        }
        let shares = Shares::new(panels, 1, team.len());
        let parts = (
            shares.map(|panel| panel * chunks).slice(&mut heads[..panels * chunks]),
            shares.map(|panel| self.bases[panel]).slice(&mut transposed[..self.bases[panels]]),
        );
        let this = &*self;
        team.run(parts, |member, (heads, transposed)| {
            let own = shares.range(member);
            let mut end = this.bases[own.start];
            let first = end;
            for (panel, heads) in own.zip(heads.chunks_exact_mut(chunks.max(1))) {
                for (chunk, heads) in heads.iter_mut().enumerate() {
                    end = this.transpose_chunk(panel, chunk, alpha, end, heads, first, transposed);
                }
            }
        });
        (self.transposed, self.heads) = (transposed, heads);
    }

    /// Sorts the entries of a chunk of rows in a panel by column, by counting; within a column they stay in the order of the rows.
    #[expect(clippy::too_many_arguments, reason = "two of them place a slice in the whole")]
    fn transpose_chunk(
        &self,
        panel: usize,
        chunk: usize,
        alpha: A,
        start: usize,
        heads: &mut [u32; PANEL + 1],
        first: usize,
        transposed: &mut [Entry<A>],
    ) -> usize {
        let rows = chunk * CHUNK..self.rows.min((chunk + 1) * CHUNK);
        let origin = (panel * PANEL) as u32;
        // ends[c + 2] counts column c; summed up, ends[c + 1] is where the next entry of column c goes.
        let mut ends = [0_u32; PANEL + 2];
        for row in rows.clone() {
            for entry in self.row(row, panel) {
                ends[(entry.index - origin) as usize % PANEL + 2] += 1;
            }
        }
        let mut sum = (start - first) as u32;
        for end in &mut ends[1..] {
            sum += *end;
            *end = sum;
        }
        for row in rows {
            for entry in self.row(row, panel) {
                let place = &mut ends[(entry.index - origin) as usize % PANEL + 1];
                transposed[*place as usize] = Entry { index: row as u32, value: alpha * entry.value };
                *place += 1;
            }
        }
        heads[0] = start as u32;
        for (head, end) in heads[1..].iter_mut().zip(&ends[1..]) {
            *head = end + first as u32;
        }
        heads[PANEL] as usize
    }

    /// The entries by column, if they were asked for and are worth it: for each column of a panel those of a chunk of rows.
    pub(super) fn transposed(&self) -> Option<Transposed<'_, A>> {
        self.is_transposed.then(|| Transposed { batch: self })
    }
}

/// The entries of a [`Batch`] by column.
#[derive(Clone, Copy)]
pub(super) struct Transposed<'a, A> {
    batch: &'a Batch<A>,
}

impl<'a, A: Scalar> Transposed<'a, A> {
    /// The entries of the columns of a panel in a chunk of rows, column by column.
    #[inline(always)]
    pub(super) fn columns(self, panel: usize, chunk: usize) -> impl Iterator<Item = (usize, &'a [Entry<A>])> {
        let heads = &self.batch.heads[panel * self.batch.chunks() + chunk];
        let width = PANEL.min(self.batch.columns - panel * PANEL);
        (0..width).map(move |c| {
            (panel * PANEL + c, &self.batch.transposed[heads[c] as usize..heads[c + 1] as usize])
        })
    }
}

/// Copies a row and finds where its panels begin.
#[inline(always)]
fn gather_row<A: Scalar>(
    x: &SparseRows<'_, A>,
    row: usize,
    start: u32,
    splits: &mut [u32],
    entries: &mut [Entry<A>],
) {
    let mut panel = 0;
    let mut next = 0;
    let mut place = 0;
    x.for_each(row, |column, value| {
        while column >= next {
            splits[panel] = start + place as u32;
            panel += 1;
            next += PANEL as u32;
        }
        entries[place] = Entry { index: column, value };
        place += 1;
    });
    splits[panel..].fill(start + place as u32);
}

/// Makes room; what is there already stays as long as it is, so that nothing is allocated or cleared twice.
fn grow<T: Clone + Default>(buffer: &mut Vec<T>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len, T::default());
    }
}
