//! A token bucket for each address: it fills at the rate that is allowed in the long run, and a request takes a token out. Time is handed in, so that
//! the tests need not wait.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Seconds of the rate that a bucket holds: a page that is opened asks for a few dozen things at once.
const BURST: f64 = 4.0;

/// The most addresses that are told apart; all others share a bucket.
const MAX: usize = 4096;

/// Who may ask how often.
#[derive(Debug)]
pub(super) struct RateLimiter {
    rate: f64, // tokens a second
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    seen: Instant,
}

impl RateLimiter {
    /// So many requests a second from each address; 0 for any number.
    pub(super) fn new(rate: u32) -> Self {
        Self { rate: rate.into(), buckets: Mutex::default() }
    }

    /// Takes a token for a request from `address`.
    ///
    /// # Errors
    /// How long it takes until there is one.
    pub(super) fn take(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        if self.rate == 0.0 {
            return Ok(());
        }
        let most = BURST * self.rate;
        let filled = |bucket: &Bucket| {
            let since = now.saturating_duration_since(bucket.seen).as_secs_f64();
            (bucket.tokens + since * self.rate).min(most)
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = network(address);
        if buckets.len() >= MAX && !buckets.contains_key(&key) {
            // A full bucket is as good as none.
            buckets.retain(|_, bucket| filled(bucket) < most);
            if buckets.len() >= MAX {
                key = Ipv6Addr::UNSPECIFIED.into();
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { tokens: most, seen: now });
        *bucket = Bucket { tokens: filled(bucket), seen: now };
        if bucket.tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.tokens) / self.rate));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

/// Who has an IPv6 address has all of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn drain(limiter: &RateLimiter, address: IpAddr, now: Instant) -> usize {
        (0..1000).take_while(|_| limiter.take(address, now).is_ok()).count()
    }

    #[test]
    fn a_bucket_holds_four_seconds_and_fills_at_the_rate() {
        let (limiter, start) = (RateLimiter::new(5), Instant::now());
        assert_eq!(drain(&limiter, A, start), 20);
        // A fifth of a second to the next token.
        assert_eq!(limiter.take(A, start), Err(Duration::from_millis(200)));
        assert_eq!(drain(&limiter, A, start + Duration::from_millis(400)), 2);
        assert_eq!(drain(&limiter, A, start + Duration::from_secs(3600)), 20);
    }

    #[test]
    fn addresses_have_buckets_of_their_own_and_networks_one() {
        let (limiter, now) = (RateLimiter::new(1), Instant::now());
        assert_eq!(drain(&limiter, A, now), 4);
        assert_eq!(drain(&limiter, "10.0.0.2".parse().unwrap(), now), 4);
        assert_eq!(drain(&limiter, "::ffff:10.0.0.1".parse().unwrap(), now), 0);
        assert_eq!(drain(&limiter, "2001:db8:0:1::1".parse().unwrap(), now), 4);
        assert_eq!(drain(&limiter, "2001:db8:0:1:ffff::2".parse().unwrap(), now), 0);
        assert_eq!(drain(&limiter, "2001:db8:0:2::1".parse().unwrap(), now), 4);
    }

    #[test]
    fn nought_is_no_limit() {
        assert_eq!(drain(&RateLimiter::new(0), A, Instant::now()), 1000);
    }

    #[test]
    fn so_many_addresses_are_told_apart_and_no_more() {
        let (limiter, now) = (RateLimiter::new(1), Instant::now());
        let address = |i: usize| IpAddr::V4(std::net::Ipv4Addr::from_bits(i as u32));
        for i in 0..2 * MAX {
            let _ = limiter.take(address(i), now);
        }
        assert!(limiter.buckets.lock().unwrap().len() <= MAX + 1);
        // Those known keep their tokens; later ones have emptied the one they share.
        assert!(limiter.take(address(0), now).is_ok());
        assert!(limiter.take(address(3 * MAX), now).is_err());
        // Once the others are full again there is room.
        assert!(limiter.take(address(3 * MAX), now + Duration::from_secs(5)).is_ok());
        assert_eq!(limiter.buckets.lock().unwrap().len(), 1);
    }
}
