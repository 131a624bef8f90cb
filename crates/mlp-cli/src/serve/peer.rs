//! The sender of a request, as limits count it: an IPv4 address, or a /64 network of IPv6, because
//! an IPv6 client can use any address of its own network.

use std::net::{IpAddr, Ipv6Addr};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer(IpAddr);

impl Peer {
    /// Stands for all peers beyond the number that are told apart.
    pub(super) const OTHERS: Self = Self(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

    pub(super) fn new(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()),
            address => Self(address),
        }
    }
}
