//! Keys and signatures that `openssl` created.

/// The bytes that the signatures here sign.
pub(crate) const COMPONENT: &[u8] = b"component";

/// A signature of [`COMPONENT`] by [`KEY`].
pub(crate) const SIGNATURE: &str = "MEUCIFYNXOQsV4NgHlJ9RvYPWNPTQti8gcMQC34x+z4HI9lxAiEA9sZgcnBLheWNomKR7D74nNRVhwzatLZKe6SAFRlzzCg=";
/// A signature of [`COMPONENT`] by [`OTHER_KEY`].
pub(crate) const OTHER_SIGNATURE: &str = "MEUCIQDvIhNIEtQtK5D714dbOKvyVM2ffzLnwDvg3pPRIoOVbQIgK/E7xsgP4MD4O83NS3qCRitz6YXLot/Uvb8v+cNGQkI=";
/// Bytes in the form of a signature.
pub(crate) const DER: &[u8] = &[0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01];

pub(crate) const KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEIZZ7Hb0SIXCP1yUcjGbKCrSngO66\n\
pHmO314GJ+nCjUcJS2o4OVCKMsDKAyYQEmQLCRqFZfy02caXe0le0Sx9Ag==\n\
-----END PUBLIC KEY-----\n\
";
/// The digest of the DER form of [`KEY`], computed by `sha256sum`.
pub(crate) const FINGERPRINT: &str =
    "e3c096b0556bebe8fd35056f3ba289a62fc883e901898673511e57850b3a4e31";
pub(crate) const OTHER_KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEiQeyMhKclJof5QlL6ayqod/a6Q/5\n\
NI91hhWLccZtM/JkCad0im5HHNZcGzndzzJ3BalWArHVdXIg+ks/zrUPqg==\n\
-----END PUBLIC KEY-----\n\
";
pub(crate) const COMPRESSED_KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACIZZ7Hb0SIXCP1yUcjGbKCrSngO66\n\
pHmO314GJ+nCjUc=\n\
-----END PUBLIC KEY-----\n\
";
pub(crate) const P384_KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEefqSe71jd8VA58QnKaD32CWVUWAzINR5\n\
J4UuuqxL6MHH6s9Za8k22bTOMSGdlzrwFzrGIfiJpmQqTZTXxN1VdzlDzuR7rnQ1\n\
jhooWkr3DN6CTzDn6C96+s6dp7YCfxgo\n\
-----END PUBLIC KEY-----\n\
";
pub(crate) const ED25519_KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MCowBQYDK2VwAyEARBw8+7lT+najgp1fdqmuPend1U/0qnCbLIgmZtW1kZQ=\n\
-----END PUBLIC KEY-----\n\
";
pub(crate) const RSA_KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsa3443230XbIvQAvspU2\n\
CMv3Q6vvyuzU9Qrgtxcxc4xFLawKkOrTxBGWWMGRIewkWmAiuipRtNtdMwYCPUWP\n\
VmdBLiBZvU873P1iQnHnbedOqwwaGPkkxudWmHX4/kBmDLKcyGFX/+xU2gysXjH/\n\
sRw2vc9kvWm2QFPTBxXJD62xtIRtWy8oEoa4V4fhC3S8RV9VheHy93WfrRuSjP2+\n\
GeXfmHC1hg5tQ72RZhdvFwu+muKtpwvpBvxfeHJEIpNJz4yZKFzwONkz0Ek9QfmQ\n\
OJd++bqK540VmQ69MEsOS0sCl+ifdFidAMUY64TVt8kiFqKIv8tgM26QPi6zNVRM\n\
nQIDAQAB\n\
-----END PUBLIC KEY-----\n\
";
