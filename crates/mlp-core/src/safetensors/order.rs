//! The order of the affine layers in a state dict, which has none of its own. Derived from the
//! numbers in the names and from the shapes together, never from one of them alone.

use std::cmp::Ordering;

/// The steps that a search may take; a network of 64 layers with numbers takes 64.
const MAX_STEPS: usize = 10_000;

/// A module with weights.
#[derive(Clone, Copy)]
pub(crate) struct Module<'a> {
    pub(crate) name: &'a str,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

/// The order of modules, as indices.
#[derive(Debug, PartialEq)]
pub(crate) enum Order {
    /// The only one that names and shapes allow.
    Certain(Vec<usize>),
    /// The only one that keeps modules with a common prefix together.
    Probable(Vec<usize>),
    /// Either of these may come first.
    Ambiguous(usize, usize),
    /// In no order do the outputs of each layer fit the inputs of the next; that of the names, if
    /// they have one.
    Disagree(Option<Vec<usize>>),
}

impl Order {
    pub(crate) fn of(modules: &[Module<'_>]) -> Self {
        let mut search = Search::new(modules);
        match search.orders(false).as_deref() {
            Some([]) => Self::Disagree(search.by_name()),
            Some([order]) => Self::Certain(order.clone()),
            Some([one, other, ..]) => match search.orders(true).as_deref() {
                Some([order]) => Self::Probable(order.clone()),
                _ => {
                    let differ = one.iter().zip(other).find(|(a, b)| a != b);
                    let (&first, &second) = differ.expect("two orders differ");
                    Self::Ambiguous(first, second)
                }
            },
            None => Self::Ambiguous(0, 1),
        }
    }
}

struct Search<'a> {
    modules: &'a [Module<'a>],
    before: Vec<Vec<bool>>, // [first][second]: the first has the smaller number
    groups: Vec<&'a str>,
    steps: usize,
}

impl<'a> Search<'a> {
    fn new(modules: &'a [Module<'a>]) -> Self {
        let is_before = |a: &Module<'_>, b: &Module<'_>| by_number(a.name, b.name) == Ordering::Less;
        let before = modules.iter().map(|a| modules.iter().map(|b| is_before(a, b)).collect()).collect();
        let names = modules.iter().map(|module| module.name);
        let common = names.clone().reduce(common_modules).map_or(0, str::len);
        let group = |name: &'a str| name[common..].split(|c: char| c.is_ascii_digit()).next().unwrap_or("");
        Self { modules, before, groups: names.map(group).collect(), steps: 0 }
    }

    /// Returns up to two orders in which the shapes fit and the numbers ascend; `None` if there are
    /// too many to try.
    fn orders(&mut self, keeps_groups: bool) -> Option<Vec<Vec<usize>>> {
        let mut found = Vec::new();
        self.steps = 0;
        self.extend(&mut Vec::new(), keeps_groups, &mut found);
        (self.steps < MAX_STEPS).then_some(found)
    }

    fn extend(&mut self, path: &mut Vec<usize>, keeps_groups: bool, found: &mut Vec<Vec<usize>>) {
        self.steps += 1;
        if path.len() == self.modules.len() {
            found.push(path.clone());
            return;
        }
        let left: Vec<usize> = (0..self.modules.len()).filter(|index| !path.contains(index)).collect();
        let last = path.last().copied();
        for &next in &left {
            let fits = last.is_none_or(|last| self.modules[last].outputs == self.modules[next].inputs);
            let is_first = !left.iter().any(|&other| self.before[other][next]);
            let is_kept = last.is_none_or(|last| {
                let group = self.groups[last];
                group == self.groups[next] || !left.iter().any(|&other| self.groups[other] == group)
            });
            if fits && is_first && (is_kept || !keeps_groups) {
                path.push(next);
                self.extend(path, keeps_groups, found);
                path.pop();
            }
            if found.len() == 2 || self.steps >= MAX_STEPS {
                return;
            }
        }
    }

    /// The order of the numbers alone, if they order every pair.
    fn by_name(&self) -> Option<Vec<usize>> {
        let position = |index: usize| self.before.iter().filter(|others| others[index]).count();
        let mut order: Vec<usize> = (0..self.modules.len()).collect();
        order.sort_by_key(|&index| position(index));
        order.iter().enumerate().all(|(at, &index)| position(index) == at).then_some(order)
    }
}

/// Compares two names by the number in which they first differ; names that differ first in a
/// letter are equal.
fn by_number(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let start = same - a[..same].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let number = |name: &[u8]| {
        let digits = &name[start..start + digits(&name[start..])];
        let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
        (!digits.is_empty()).then(|| (digits.len() - zeros, digits[zeros..].to_vec()))
    };
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => Ordering::Equal,
    }
}

/// The enclosing modules that two names share: `net.` of `net.0` and `net.2`.
fn common_modules<'a>(a: &'a str, b: &str) -> &'a str {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let end = a.bytes().take(same).rposition(|byte| byte == b'.').map_or(0, |dot| dot + 1);
    &a[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(modules: &[(&'static str, usize, usize)]) -> Result<Vec<&'static str>, Order> {
        let list: Vec<_> =
            modules.iter().map(|&(name, inputs, outputs)| Module { name, inputs, outputs }).collect();
        match Order::of(&list) {
            Order::Certain(order) | Order::Probable(order) => {
                Ok(order.into_iter().map(|index| modules[index].0).collect())
            }
            other => Err(other),
        }
    }

    #[test]
    fn names_and_shapes_together_leave_one_order() {
        let orders: [&[(&str, usize, usize)]; 6] = [
            &[
                ("m.features.0", 9, 8),
                ("m.features.3", 8, 8),
                ("m.classifier.1", 8, 8),
                ("m.classifier.4", 8, 2),
            ],
            &[("fc1", 9, 8), ("fc2", 8, 8), ("out", 8, 2)],
            &[("stem", 9, 8), ("blocks.0.proj", 8, 8), ("blocks.1.proj", 8, 8), ("head", 8, 2)],
            &[("fc8", 4, 4), ("fc9", 4, 4), ("fc10", 4, 4), ("fc11", 4, 4)],
            &[("first", 7, 6), ("second", 6, 5), ("third", 5, 4)],
            &[("layer1.0", 5, 5), ("layer1.2", 5, 5), ("layer2.0", 5, 5)],
        ];
        for order in orders {
            let names: Vec<_> = order.iter().map(|module| module.0).collect();
            for shift in 0..order.len() {
                let mut rotated = order.to_vec();
                rotated.rotate_left(shift);
                assert_eq!(of(&rotated), Ok(names.clone()));
                rotated.reverse();
                assert_eq!(of(&rotated), Ok(names.clone()));
            }
        }
    }

    #[test]
    fn several_orders_are_ambiguous_and_none_is_a_disagreement() {
        assert_eq!(of(&[("up", 4, 4), ("down", 4, 4)]), Err(Order::Ambiguous(0, 1)));
        let branches = [("a.0", 9, 4), ("a.1", 4, 4), ("b.0", 4, 4), ("b.1", 4, 4), ("c", 4, 4)];
        assert_eq!(of(&branches), Err(Order::Ambiguous(3, 4)));
        assert_eq!(of(&[("fc1", 4, 3), ("fc2", 4, 3)]), Err(Order::Disagree(Some(vec![0, 1]))));
        assert_eq!(of(&[("a", 4, 3), ("b", 4, 3)]), Err(Order::Disagree(None)));
    }

    #[test]
    fn a_search_among_many_square_layers_ends() {
        let names: Vec<String> = (0..60).map(|i| "x".repeat(i + 1)).collect();
        let mut modules: Vec<_> = names.iter().map(|name| Module { name, inputs: 4, outputs: 4 }).collect();
        modules.push(Module { name: "y", inputs: 5, outputs: 5 });
        assert_eq!(Order::of(&modules), Order::Ambiguous(0, 1));
    }
}
