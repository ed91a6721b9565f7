//! Addresses and the blocks that hold them.

use std::net::IpAddr;

use k8s_openapi::api::networking::v1::IPBlock;

/// Whether an address is in a block and not in one of its exceptions. A block that cannot be read holds nothing.
pub(super) fn holds(block: &IPBlock, address: IpAddr) -> bool {
    let excepted = block.except.iter().flatten().any(|except| contains(except, address));
    contains(&block.cidr, address) && !excepted
}

fn contains(cidr: &str, address: IpAddr) -> bool {
    let Some((network, length)) = cidr.split_once('/') else { return false };
    let (Ok(network), Ok(length)) = (network.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            u32::from(network) & mask == u32::from(address) & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            u128::from(network) & mask == u128::from(address) & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{IPBlock, holds};

    fn block(cidr: &str, except: &[&str]) -> IPBlock {
        let except = except.iter().map(|text| (*text).to_owned()).collect();
        IPBlock { cidr: cidr.to_owned(), except: Some(except) }
    }

    #[test]
    fn a_block_holds_its_addresses_but_not_its_exceptions() {
        let address = |text: &str| text.parse().unwrap();
        assert!(holds(&block("0.0.0.0/0", &[]), address("8.8.8.8")));
        assert!(holds(&block("10.1.0.0/16", &[]), address("10.1.255.1")));
        assert!(!holds(&block("10.1.0.0/16", &[]), address("10.2.0.1")));
        assert!(!holds(&block("10.0.0.0/8", &["10.1.0.0/16"]), address("10.1.0.1")));
        assert!(holds(&block("fd00::/8", &[]), address("fd12::1")));
        for odd in ["10.0.0.0", "x/8", "10.0.0.0/99", "fd00::/8", ""] {
            assert!(!holds(&block(odd, &[]), address("10.0.0.1")), "{odd}");
        }
    }
}
