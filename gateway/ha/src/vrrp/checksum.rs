//! The internet checksum (RFC 1071), with and without a pseudo-header.

use std::net::IpAddr;

/// Sums 16-bit words in one's complement. Pieces may follow each other as long as all but the last are of even length.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum(u32);

impl Sum {
    /// The sum with these bytes; an odd one at the end counts as if a zero followed.
    pub(crate) fn add(mut self, bytes: &[u8]) -> Self {
        for pair in bytes.chunks(2) {
            let word = match *pair {
                [high, low] => u16::from_be_bytes([high, low]),
                [high] => u16::from_be_bytes([high, 0]),
                _ => 0,
            };
            self.0 += u32::from(word);
            // Folded at once: no length overflows it.
            self.0 = (self.0 & 0xffff) + (self.0 >> 16);
        }
        self
    }

    /// The sum with the pseudo-header of `length` bytes of `protocol` (RFC 9293, section 3.1; RFC 8200, section 8.1).
    /// Addresses of two families have none, which no packet has.
    pub(crate) fn pseudo(self, source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> Self {
        let sum = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                self.add(&source.octets()).add(&destination.octets())
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                self.add(&source.octets()).add(&destination.octets())
            }
            _ => self,
        };
        // Both families end in the same words; IPv6's longer fields add zeros.
        sum.add(&[0, protocol]).add(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes())
    }

    /// What stands in the packet.
    pub(crate) fn finish(self) -> u16 {
        let folded = (self.0 & 0xffff) + (self.0 >> 16);
        !u16::try_from(folded & 0xffff).unwrap_or(0)
    }

    /// Whether bytes that contain their own checksum are as they were sent.
    pub(crate) fn is_right(self) -> bool {
        self.finish() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sum_of_the_rfc_is_reached() {
        // RFC 1071, section 3: 0001 f203 f4f5 f6f7 sum to ddf2.
        let sum = Sum::default().add(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.finish(), !0xddf2);
    }

    #[test]
    fn odd_byte_counts_as_if_a_zero_followed() {
        assert_eq!(Sum::default().add(&[1, 2, 3]).finish(), Sum::default().add(&[1, 2, 3, 0]).finish());
    }

    #[test]
    fn bytes_with_their_own_checksum_are_right() {
        let bytes = [0x45, 0, 0, 0x1c, 0xff, 0xff];
        let check = Sum::default().add(&bytes).finish().to_be_bytes();
        assert!(Sum::default().add(&bytes).add(&check).is_right());
        assert!(!Sum::default().add(&bytes).add(&[check[0], check[1] ^ 1]).is_right());
    }
}
