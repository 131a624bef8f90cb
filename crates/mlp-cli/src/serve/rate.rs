//! Rate limiting with one token bucket per peer. The crate `governor` (ten more dependencies)
//! cannot bound the number of keys, so a flood of addresses would fill its memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::peer::Peer;

/// Capacity of a bucket in seconds. Opening the page takes a few dozen requests at once.
const BURST: f64 = 4.0;

/// Maximum number of peers with their own bucket. All others share one.
const MAX_PEERS: usize = 4096;

/// Limits the number of requests per second and peer.
#[derive(Debug)]
pub(super) struct RateLimiter {
    rate: f64, // tokens per second
    buckets: Mutex<HashMap<Peer, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    seen: Instant,
}

impl RateLimiter {
    /// `rate` requests per second and peer; 0 for no limit.
    pub(super) fn new(rate: u32) -> Self {
        Self { rate: rate.into(), buckets: Mutex::default() }
    }

    /// Takes a token for a request. Tests pass a time instead of waiting.
    ///
    /// # Errors
    /// Returns the time until the next token.
    pub(super) fn take(&self, peer: Peer, now: Instant) -> Result<(), Duration> {
        if self.rate == 0.0 {
            return Ok(());
        }
        let capacity = BURST * self.rate;
        let filled = |bucket: &Bucket| {
            let elapsed = now.saturating_duration_since(bucket.seen).as_secs_f64();
            (bucket.tokens + elapsed * self.rate).min(capacity)
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = peer;
        if buckets.len() >= MAX_PEERS && !buckets.contains_key(&key) {
            // A full bucket is the same as none.
            buckets.retain(|_, bucket| filled(bucket) < capacity);
            if buckets.len() >= MAX_PEERS {
                key = Peer::OTHERS;
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { tokens: capacity, seen: now });
        *bucket = Bucket { tokens: filled(bucket), seen: now };
        if bucket.tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.tokens) / self.rate));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const A: &str = "10.0.0.1";

    fn peer(address: &str) -> Peer {
        Peer::new(address.parse().unwrap())
    }

    fn drain(limiter: &RateLimiter, address: &str, now: Instant) -> usize {
        (0..1000).take_while(|_| limiter.take(peer(address), now).is_ok()).count()
    }

    #[test]
    fn a_bucket_holds_four_seconds_and_refills_at_the_rate() {
        let (limiter, start) = (RateLimiter::new(5), Instant::now());
        assert_eq!(drain(&limiter, A, start), 20);
        // A fifth of a second to the next token.
        assert_eq!(limiter.take(peer(A), start), Err(Duration::from_millis(200)));
        assert_eq!(drain(&limiter, A, start + Duration::from_millis(400)), 2);
        assert_eq!(drain(&limiter, A, start + Duration::from_secs(3600)), 20);
    }

    #[test]
    fn each_ipv4_address_or_ipv6_network_has_a_bucket() {
        let (limiter, now) = (RateLimiter::new(1), Instant::now());
        assert_eq!(drain(&limiter, A, now), 4);
        assert_eq!(drain(&limiter, "10.0.0.2", now), 4);
        assert_eq!(drain(&limiter, "::ffff:10.0.0.1", now), 0);
        assert_eq!(drain(&limiter, "2001:db8:0:1::1", now), 4);
        assert_eq!(drain(&limiter, "2001:db8:0:1:ffff::2", now), 0);
        assert_eq!(drain(&limiter, "2001:db8:0:2::1", now), 4);
    }

    #[test]
    fn a_rate_of_zero_means_no_limit() {
        assert_eq!(drain(&RateLimiter::new(0), A, Instant::now()), 1000);
    }

    #[test]
    fn the_number_of_buckets_is_limited() {
        let (limiter, now) = (RateLimiter::new(1), Instant::now());
        let address = |i: usize| Peer::new(Ipv4Addr::from_bits(i as u32).into());
        for i in 0..2 * MAX_PEERS {
            let _ = limiter.take(address(i), now);
        }
        assert!(limiter.buckets.lock().unwrap().len() <= MAX_PEERS + 1);
        // Known peers keep their tokens; later ones have emptied the shared bucket.
        assert!(limiter.take(address(0), now).is_ok());
        assert!(limiter.take(address(3 * MAX_PEERS), now).is_err());
        // There is room again when the other buckets are full.
        assert!(limiter.take(address(3 * MAX_PEERS), now + Duration::from_secs(5)).is_ok());
        assert_eq!(limiter.buckets.lock().unwrap().len(), 1);
    }
}
