//! The algorithms by which tokens are signed.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, EcdsaVerificationAlgorithm, RsaParameters};

/// An algorithm (RFC 7518, section 3.1, and RFC 8037). `none` is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Mac(Bits),
    /// RSASSA-PKCS1-v1_5.
    Rsa(Bits),
    /// RSASSA-PSS.
    Pss(Bits),
    Ecdsa(Bits),
    Ed25519,
}

/// Which of the SHA-2 hashes it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bits {
    B256,
    B384,
    B512,
}

impl Algorithm {
    /// All of them, by their names in tokens.
    pub(super) const ALL: [(&'static str, Self); 13] = [
        ("HS256", Self::Mac(Bits::B256)),
        ("HS384", Self::Mac(Bits::B384)),
        ("HS512", Self::Mac(Bits::B512)),
        ("RS256", Self::Rsa(Bits::B256)),
        ("RS384", Self::Rsa(Bits::B384)),
        ("RS512", Self::Rsa(Bits::B512)),
        ("PS256", Self::Pss(Bits::B256)),
        ("PS384", Self::Pss(Bits::B384)),
        ("PS512", Self::Pss(Bits::B512)),
        ("ES256", Self::Ecdsa(Bits::B256)),
        ("ES384", Self::Ecdsa(Bits::B384)),
        ("ES512", Self::Ecdsa(Bits::B512)),
        ("EdDSA", Self::Ed25519),
    ];

    /// The one of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    /// The parameters of one that uses RSA; keys have 2048 bits at the least (RFC 7518, section 3.3).
    pub(super) const fn rsa(self) -> Option<&'static RsaParameters> {
        match self {
            Self::Rsa(Bits::B256) => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rsa(Bits::B384) => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rsa(Bits::B512) => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::Pss(Bits::B256) => Some(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Pss(Bits::B384) => Some(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Pss(Bits::B512) => Some(&signature::RSA_PSS_2048_8192_SHA512),
            Self::Mac(_) | Self::Ecdsa(_) | Self::Ed25519 => None,
        }
    }

    /// The curve of one that uses such, with its name in a key (RFC 7518, section 6.2.1.1), and the bytes of a coordinate.
    pub(super) const fn curve(self) -> Option<(&'static EcdsaVerificationAlgorithm, &'static str, usize)> {
        match self {
            Self::Ecdsa(Bits::B256) => Some((&signature::ECDSA_P256_SHA256_FIXED, "P-256", 32)),
            Self::Ecdsa(Bits::B384) => Some((&signature::ECDSA_P384_SHA384_FIXED, "P-384", 48)),
            Self::Ecdsa(Bits::B512) => Some((&signature::ECDSA_P521_SHA512_FIXED, "P-521", 66)),
            Self::Mac(_) | Self::Rsa(_) | Self::Pss(_) | Self::Ed25519 => None,
        }
    }

    /// The hash of one with a shared secret, and the fewest bytes of that (RFC 7518, section 3.2).
    pub(super) const fn mac(self) -> Option<(hmac::Algorithm, usize)> {
        match self {
            Self::Mac(Bits::B256) => Some((hmac::HMAC_SHA256, 32)),
            Self::Mac(Bits::B384) => Some((hmac::HMAC_SHA384, 48)),
            Self::Mac(Bits::B512) => Some((hmac::HMAC_SHA512, 64)),
            Self::Rsa(_) | Self::Pss(_) | Self::Ecdsa(_) | Self::Ed25519 => None,
        }
    }
}
