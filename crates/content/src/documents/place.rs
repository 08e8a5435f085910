//! Names of places in documents.

/// Appends `B7` for column 2 and row 7, both counted from 1.
pub(crate) fn push_cell(to: &mut String, column: u32, row: u32) {
    let mut letters = [0_u8; 8];
    let (mut left, mut count) = (column, 0);
    while left > 0 && count < letters.len() {
        left -= 1;
        letters[count] = b'A' + (left % 26) as u8;
        left /= 26;
        count += 1;
    }
    to.extend(letters[..count].iter().rev().map(|letter| char::from(*letter)));
    let mut digits = [0_u8; 10];
    let (mut left, mut count) = (row, 0);
    loop {
        digits[count] = b'0' + (left % 10) as u8;
        left /= 10;
        count += 1;
        if left == 0 {
            break;
        }
    }
    to.extend(digits[..count].iter().rev().map(|digit| char::from(*digit)));
}

#[cfg(test)]
mod tests {
    #[test]
    fn cells_have_the_addresses_that_people_know() {
        for (column, row, expected) in
            [(1, 1, "A1"), (26, 10, "Z10"), (27, 7, "AA7"), (16_384, 1_048_576, "XFD1048576")]
        {
            let mut place = String::new();
            super::push_cell(&mut place, column, row);
            assert_eq!(place, expected);
        }
    }
}
