//! Parts of a dataset with the same shape and classes: the first examples, and a stratified split.

use super::Dataset;
use crate::Error;
use crate::random::SplitMix64;

impl Dataset {
    /// Splits off everything after the first `n` examples.
    ///
    /// # Panics
    /// If there are fewer than `n`.
    #[track_caller]
    pub fn split_at(mut self, n: usize) -> (Self, Self) {
        assert!(n <= self.len(), "split at {n} of {}", self.len());
        let images = self.images.split_off(n * self.pixels());
        let labels = self.labels.split_off(n);
        let rest = Self::of_valid(images, self.shape, labels, self.classes);
        self.non_zeros -= rest.non_zeros;
        (self, rest)
    }

    /// Keeps the first `n` examples, or all if there are fewer.
    pub fn take(self, n: usize) -> Self {
        let n = n.min(self.len());
        self.split_at(n).0
    }

    /// Copies the examples `indices`, in that order.
    ///
    /// # Panics
    /// If an index is out of range.
    #[track_caller]
    pub fn subset(&self, indices: &[u32]) -> Self {
        let mut images = Vec::with_capacity(indices.len() * self.pixels());
        let mut labels = Vec::with_capacity(indices.len());
        for &index in indices {
            images.extend_from_slice(self.image(index as usize));
            labels.push(self.labels[index as usize]);
        }
        Self::of_valid(images.into(), self.shape, labels, self.classes)
    }

    /// Holds out `fraction` of the examples at random, stratified by class. Returns (kept, held
    /// out), both in the original order. The same seed gives the same split.
    ///
    /// The total is rounded; the quota of each class is rounded down, and the remaining places go
    /// to the classes with the largest remainders.
    ///
    /// # Errors
    /// [`Error::Split`] if either part would be empty, or `fraction` is NaN; [`Error::Memory`].
    ///
    /// # Example
    /// ```
    /// let digits = mlp_data::synthetic::digits(100, 0, 1).train;
    /// let (train, validation) = digits.split_stratified(0.2, 7)?;
    /// assert_eq!((train.len(), validation.len()), (80, 20));
    /// assert_eq!(validation.class_counts(), [2; 10]);
    /// # Ok::<(), mlp_data::Error>(())
    /// ```
    pub fn split_stratified(&self, fraction: f64, seed: u64) -> Result<(Self, Self), Error> {
        let held_out = (self.len() as f64 * fraction).round();
        // NaN fails, too.
        if !(held_out >= 1.0 && held_out < self.len() as f64) {
            return Err(Error::Split { fraction, examples: self.len() });
        }
        // Copies of all images and labels, and the indices.
        Error::check_memory((self.images.len() + 10 * self.len()) as u64)?;
        let quotas = quotas(&self.class_counts(), held_out as usize);

        let mut random = SplitMix64::new(seed);
        let mut members = vec![Vec::new(); self.classes];
        for (index, &label) in self.labels.iter().enumerate() {
            members[usize::from(label)].push(index as u32);
        }
        let mut is_held_out = vec![false; self.len()];
        for (members, quota) in members.iter_mut().zip(quotas) {
            random.shuffle(members);
            for &index in &members[..quota] {
                is_held_out[index as usize] = true;
            }
        }
        let (out, kept): (Vec<u32>, Vec<u32>) =
            (0..self.len() as u32).partition(|&index| is_held_out[index as usize]);
        Ok((self.subset(&kept), self.subset(&out)))
    }
}

/// Divides `total` places among classes in proportion to `counts`, by largest remainders; ties go
/// to the lower class.
fn quotas(counts: &[usize], total: usize) -> Vec<usize> {
    let examples = counts.iter().sum::<usize>() as u128;
    let product = |count: usize| count as u128 * total as u128;
    let mut quotas: Vec<usize> = counts.iter().map(|&count| (product(count) / examples) as usize).collect();
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(product(counts[class]) % examples));
    let left = total - quotas.iter().sum::<usize>();
    for &class in &order[..left] {
        quotas[class] += 1;
    }
    quotas
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImageShape;
    use proptest::prelude::*;

    fn labeled(labels: Vec<u8>) -> Dataset {
        let images = (0..labels.len()).flat_map(|i| (i as u16).to_le_bytes()).collect();
        Dataset::new(images, ImageShape { height: 1, width: 2 }, labels, 5).unwrap()
    }

    fn ids(data: &Dataset) -> Vec<u16> {
        data.images().chunks(2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]])).collect()
    }

    #[test]
    fn parts_keep_images_and_labels_together() {
        let data = labeled(vec![0, 1, 2, 3, 4]);
        let (first, rest) = data.clone().split_at(2);
        assert_eq!((ids(&first), first.labels()), (vec![0, 1], &[0, 1][..]));
        assert_eq!((ids(&rest), rest.labels()), (vec![2, 3, 4], &[2, 3, 4][..]));
        let part = data.subset(&[4, 1, 1]);
        assert_eq!((ids(&part), part.labels()), (vec![4, 1, 1], &[4, 1, 1][..]));
        assert_eq!(data.clone().take(3), data.clone().split_at(3).0);
        assert_eq!(data.clone().take(usize::MAX), data);
    }

    #[test]
    fn fractions_that_leave_a_side_empty_are_errors() {
        let data = labeled(vec![0; 10]);
        for fraction in [0.0, 0.04, 0.96, 1.0, -1.0, 2.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(data.split_stratified(fraction, 0), Err(Error::Split { examples: 10, .. })));
        }
        assert!(labeled(vec![]).split_stratified(0.5, 0).is_err());
    }

    #[test]
    fn the_seed_decides_the_split() {
        let data = labeled((0..200).map(|i| i % 5).collect());
        let held_out = |seed| ids(&data.split_stratified(0.25, seed).unwrap().1);
        assert_eq!(held_out(1), held_out(1));
        assert_ne!(held_out(1), held_out(2));
    }

    proptest! {
        #[test]
        fn a_stratified_split_is_a_partition_in_proportion(
            labels in prop::collection::vec(0u8..5, 2..300),
            fraction in 0.01f64..0.99,
            seed: u64,
        ) {
            let data = labeled(labels);
            let Ok((kept, held_out)) = data.split_stratified(fraction, seed) else {
                let rounded = (data.len() as f64 * fraction).round();
                prop_assert!(rounded < 1.0 || rounded >= data.len() as f64);
                return Ok(());
            };
            prop_assert_eq!(held_out.len(), (data.len() as f64 * fraction).round() as usize);
            let mut all = [ids(&kept), ids(&held_out)].concat();
            prop_assert!(ids(&kept).is_sorted() && ids(&held_out).is_sorted());
            all.sort_unstable();
            prop_assert_eq!(all, ids(&data));
            for (part, whole) in held_out.class_counts().into_iter().zip(data.class_counts()) {
                let exact = whole as f64 * held_out.len() as f64 / data.len() as f64;
                prop_assert!((part as f64 - exact).abs() < 1.0, "{} of {}", part, whole);
            }
        }
    }
}
