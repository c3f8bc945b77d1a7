//! The Merkle tree of an anchor: that of RFC 6962, section 2.1, over SHA-256. Leaves and inner nodes are hashed with
//! different first bytes, so that neither can stand for the other.

use crate::ledger::model::{Digest, sha256};

/// The hash of a leaf: `SHA-256(0x00 ‖ bytes)`.
pub fn leaf(bytes: &[u8]) -> Digest {
    sha256(&[&[0], bytes].concat())
}

fn node(left: &Digest, right: &Digest) -> Digest {
    sha256(&[&[1], left.as_slice(), right.as_slice()].concat())
}

/// Where a tree of `count` leaves, two or more, is split: the largest power of two below `count`.
fn split(count: usize) -> usize {
    1 << (usize::BITS - 1 - (count - 1).leading_zeros())
}

/// The root over hashes of leaves, in their order. That of no leaves is the hash of nothing.
pub fn root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => sha256(&[]),
        [only] => *only,
        more => {
            let (left, right) = more.split_at(split(more.len()));
            node(&root(left), &root(right))
        }
    }
}

/// The hashes that lead from the leaf at `index` to the root, nearest first; empty when there is no such leaf.
pub fn path(leaves: &[Digest], index: usize) -> Vec<Digest> {
    if leaves.len() < 2 || index >= leaves.len() {
        return Vec::new();
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut found, other) =
        if index < middle { (path(left, index), root(right)) } else { (path(right, index - middle), root(left)) };
    found.push(other);
    found
}

/// The root that `path` leads to from the leaf at `index` of `count`; `None` when the path does not fit.
pub fn climb(leaf: Digest, index: u64, count: u64, path: &[Digest]) -> Option<Digest> {
    let (mut at, mut last) = (index, count.checked_sub(1)?);
    if at > last {
        return None;
    }
    let mut hash = leaf;
    for other in path {
        if last == 0 {
            return None;
        }
        if at % 2 == 1 || at == last {
            hash = node(other, &hash);
            // A left edge of a shorter right subtree climbs several levels at once.
            while at % 2 == 0 && at != 0 {
                at /= 2;
                last /= 2;
            }
        } else {
            hash = node(&hash, other);
        }
        at /= 2;
        last /= 2;
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u8) -> Vec<Digest> {
        (0..count).map(|number| leaf(&[number])).collect()
    }

    #[test]
    fn is_the_tree_of_the_standard() {
        // The known roots of certificate transparency's reference tests.
        let inputs: [&[u8]; 3] = [b"", &[0], &[0x10]];
        let leaves: Vec<Digest> = inputs.iter().map(|bytes| leaf(bytes)).collect();
        for (count, expected) in [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        ] {
            assert_eq!(hex::encode(root(&leaves[..count])), expected);
        }
    }

    #[test]
    fn every_leaf_of_every_tree_leads_to_its_root_and_to_no_other_place() {
        for count in 1..=33_u8 {
            let leaves = leaves(count);
            let root = root(&leaves);
            for index in 0..leaves.len() {
                let path = path(&leaves, index);
                let climbed =
                    |at: usize, of: u8| climb(leaves[index], u64::try_from(at).unwrap(), u64::from(of), &path);
                assert_eq!(climbed(index, count), Some(root), "{index} of {count}");
                for other in (0..leaves.len()).filter(|other| *other != index) {
                    assert_ne!(climbed(other, count), Some(root), "{index} as {other} of {count}");
                }
                let longer = [path.clone(), vec![[7; 32]]].concat();
                assert_ne!(climb(leaves[index], u64::try_from(index).unwrap(), u64::from(count), &longer), Some(root));
            }
        }
        assert_eq!(climb([1; 32], 0, 0, &[]), None);
        assert_eq!(climb([1; 32], 2, 2, &[[1; 32]]), None);
    }
}
