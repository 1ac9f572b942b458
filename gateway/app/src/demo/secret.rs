//! The secret that the demo's cookies are made with, drawn at every start.

use rustls::crypto::aws_lc_rs;

use super::DemoError;

/// 32 random bytes, as hexadecimal digits: the content of a `secret-file`.
pub(super) fn secret() -> Result<String, DemoError> {
    let mut bytes = [0; 32];
    aws_lc_rs::default_provider().secure_random.fill(&mut bytes).map_err(|_| DemoError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_secret_is_another_one() {
        let (one, two) = (super::secret().unwrap(), super::secret().unwrap());
        assert_eq!((one.len(), two.len()), (64, 64));
        assert_ne!(one, two);
    }
}
