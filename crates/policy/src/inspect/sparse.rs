//! Values by their numbers where most numbers have none: what a mail costs goes by what is found in it, not by how much is
//! looked for.

/// Values by number.
#[derive(Debug, Default)]
pub(super) struct Sparse<T> {
    /// By number: one more than the place among those known; 0 for none.
    places: Vec<u32>,
    known: Vec<(usize, T)>,
}

impl<T: Default> Sparse<T> {
    /// With room for so many numbers.
    pub(super) fn new(count: usize) -> Self {
        Self { places: vec![0; count], known: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(super) fn get(&self, number: usize) -> Option<&T> {
        let place = (*self.places.get(number)? as usize).checked_sub(1)?;
        self.known.get(place).map(|(_, value)| value)
    }

    /// The value of a number; a new one where there is none.
    pub(super) fn of(&mut self, number: usize) -> &mut T {
        if self.places[number] == 0 {
            self.known.push((number, T::default()));
            self.places[number] = self.known.len() as u32;
        }
        &mut self.known[self.places[number] as usize - 1].1
    }

    /// In the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.known.iter().map(|(number, value)| (*number, value))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut T)> {
        self.known.iter_mut().map(|(number, value)| (*number, value))
    }

    /// Takes all out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (usize, T)> {
        self.known.iter().for_each(|(number, _)| self.places[*number] = 0);
        self.known.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_value_from_when_it_is_asked_for_one_until_all_are_taken_out() {
        let mut sparse: Sparse<Vec<u8>> = Sparse::new(5);
        sparse.of(4).push(1);
        sparse.of(2).push(2);
        sparse.of(4).push(3);
        assert_eq!((sparse.get(4), sparse.get(2)), (Some(&vec![1, 3]), Some(&vec![2])));
        assert_eq!((sparse.get(0), sparse.get(9)), (None, None));
        assert_eq!(sparse.drain().collect::<Vec<_>>(), [(4, vec![1, 3]), (2, vec![2])]);
        assert!(sparse.is_empty() && sparse.get(4).is_none() && sparse.of(4).is_empty());
    }
}
