//! The sender of a request for rate limiting: an IPv4 address or an IPv6 /64 network, because an
//! IPv6 client can use any address in its network.

use std::net::{IpAddr, Ipv6Addr};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer(IpAddr);

impl Peer {
    /// All peers beyond the maximum number that are tracked.
    pub(super) const OTHERS: Self = Self(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

    pub(super) fn new(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()),
            address => Self(address),
        }
    }
}
