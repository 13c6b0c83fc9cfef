//! The checksum of something of which a part is known already.
//!
//! A CRC is linear: that of `a` followed by `b` is that of `a` moved past as many
//! zeros as `b` has bytes, exclusive-or that of `b`. So what a payload remembers of
//! itself stands for reading it, wherever it travels. Moving past one page is a
//! table; payload is whole pages nearly always.

use crc32c::crc32c_append;

use crate::contract::PAGE_BYTES;
use crate::payload::Payload;

/// The polynomial of CRC-32C, the lowest power in the highest bit.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// What a checksum becomes behind a page of zeros, by each of its four bytes: the
/// exclusive-or of the four.
static PAST_A_PAGE: [[u32; 256]; 4] = past_a_page();

/// The checksum of what `sum` is of, followed by the payload.
pub(crate) fn append(sum: u32, payload: &Payload) -> u32 {
    if !payload.len().is_multiple_of(PAGE_BYTES) {
        return crc32c_append(sum, payload);
    }
    let pages = payload.len() / PAGE_BYTES;
    (0..pages).fold(sum, |sum, _| move_past_a_page(sum)) ^ payload.checksum()
}

fn move_past_a_page(sum: u32) -> u32 {
    let bytes = sum.to_le_bytes();
    let moved = PAST_A_PAGE.iter().zip(bytes);
    moved.fold(0, |all, (table, byte)| all ^ table[usize::from(byte)])
}

/// A linear map of checksums: what each bit becomes.
type Matrix = [u32; 32];

const fn past_a_page() -> [[u32; 256]; 4] {
    let matrix = past_a_page_by_bits();
    let mut tables = [[0; 256]; 4];
    let mut place = 0;
    while place < 4 {
        let (mut byte, mut value) = (0, 0);
        while byte < 256 {
            tables[place][byte] = apply(&matrix, value << (8 * place));
            byte += 1;
            value += 1;
        }
        place += 1;
    }
    tables
}

/// Past one bit, squared until it is past a page.
const fn past_a_page_by_bits() -> Matrix {
    let mut matrix = [0; 32];
    matrix[0] = POLYNOMIAL;
    let mut bit = 1;
    while bit < 32 {
        matrix[bit] = 1 << (bit - 1);
        bit += 1;
    }
    let mut bits = 1;
    while bits < PAGE_BYTES * 8 {
        matrix = square(&matrix);
        bits *= 2;
    }
    assert!(bits == PAGE_BYTES * 8, "a page is a power of two");
    matrix
}

const fn square(matrix: &Matrix) -> Matrix {
    let mut squared = [0; 32];
    let mut bit = 0;
    while bit < 32 {
        squared[bit] = apply(matrix, matrix[bit]);
        bit += 1;
    }
    squared
}

const fn apply(matrix: &Matrix, sum: u32) -> u32 {
    let (mut result, mut bit) = (0, 0);
    while bit < 32 {
        if sum >> bit & 1 == 1 {
            result ^= matrix[bit];
        }
        bit += 1;
    }
    result
}
