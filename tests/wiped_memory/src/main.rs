//! Searches each block of memory that is freed, and fails if the block contains a secret or a hash state
//! that was keyed with a secret.
//!
//! A keyed state is enough to sign, even without the secret. `cargo run` runs it.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    process::ExitCode,
    slice,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use leadhook::{Graphoid, Receiver, ScoreApp, Secret, SignatureFormat, Signer, Tomba, Verifier};
use sha2::block_api::compress256;

/// An allocator that searches memory before it frees it.
struct Looking;

static IS_LOOKING: AtomicBool = AtomicBool::new(false);
static FOUND: AtomicUsize = AtomicUsize::new(0);
static LOOKED_AT: AtomicUsize = AtomicUsize::new(0);
/// The bytes that must not be in freed memory, at most 32 each.
static MARKS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();

// SAFETY: memory comes from the system's allocator and goes back to it.
unsafe impl GlobalAlloc for Looking {
    /// Returns zeroed memory, so that no bytes of an earlier owner are found.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if IS_LOOKING.load(Ordering::Relaxed) {
            // SAFETY: the block was allocated zeroed with this size, and is not used any more.
            let block = unsafe { slice::from_raw_parts(memory, layout.size()) };
            LOOKED_AT.fetch_add(1, Ordering::Relaxed);
            let marks = MARKS.get().map_or(&[][..], Vec::as_slice);
            if marks
                .iter()
                .any(|mark| block.windows(mark.len()).any(|bytes| bytes == mark))
            {
                FOUND.fetch_add(1, Ordering::Relaxed);
            }
        }
        unsafe { System.dealloc(memory, layout) }
    }
    // The default `realloc` moves to a new block and frees the old block, which is searched.
}

#[global_allocator]
static ALLOCATOR: Looking = Looking;

const BODY: &[u8] = br#"{"event":"lead.won","data":{"lead":{"id":"lead_1"}}}"#;

fn main() -> ExitCode {
    let secrets: Vec<String> = (0..9)
        .map(|number| format!("whsec_{number}_5d41402abc4b2a76b9719d911017c592"))
        .collect();
    MARKS.get_or_init(|| secrets.iter().flat_map(|secret| marks(secret)).collect());

    let mut ok = true;
    ok &= is_wiped("secrets", || {
        for secret in &secrets {
            let first = Secret::new(secret).unwrap();
            let second = first.clone();
            let third = Secret::from_bytes(secret.as_bytes()).unwrap();
            let fourth: Secret = secret.parse().unwrap();
            let fifth = Secret::try_from(secret.clone()).unwrap();
            drop((first, second, third, fourth, fifth));
        }
    });
    ok &= is_wiped("secrets that are rejected", || {
        for secret in &secrets {
            let mut text = String::with_capacity(100);
            text.push_str(secret);
            text.push('\n');
            assert!(Secret::try_from(text).is_err());
        }
    });
    ok &= is_wiped("secrets from a configuration", || {
        for secret in &secrets {
            let json = serde_json::Value::String(secret.clone());
            drop(serde_json::from_value::<Secret>(json).unwrap());
        }
    });
    ok &= is_wiped("verifiers with eight previous secrets", || {
        let verifier = verifier(&secrets);
        let clone = verifier.clone();
        for secret in &secrets {
            let (_, header) = Signer::<ScoreApp>::new(&Secret::new(secret).unwrap()).header(BODY);
            assert!(verifier.verify(header.as_bytes(), BODY).is_ok());
            let mut body = clone.begin(header.as_bytes()).unwrap();
            body.update(&BODY[..5]);
            let mut other = body.clone();
            body.update(&BODY[5..]);
            assert!(body.finish().is_ok());
            other.update(b"other");
            assert!(other.finish().is_err());
            drop(clone.begin(header.as_bytes()));
        }
    });
    ok &= is_wiped("receivers with eight previous secrets", || {
        let [current, previous @ ..] = secrets.as_slice() else {
            unreachable!("there are nine");
        };
        let current = Secret::new(current).unwrap();
        let mut signatures = Receiver::<Graphoid>::new(&current);
        let mut tokens = Receiver::<Tomba>::header_token("x-token", &current).unwrap();
        for secret in previous {
            let secret = Secret::new(secret).unwrap();
            // A clone shares the settings, so each change copies them.
            signatures = signatures.clone().with_previous(&secret);
            tokens = tokens.clone().with_previous(&secret).with_scope("one");
            assert!(signatures.authenticate(["sha256="], BODY).is_err());
            assert!(tokens.authenticate(["another"], BODY).is_err());
        }
    });

    // The check must find a known leak.
    let sees = MARKS.get().unwrap().iter().all(|mark| {
        !is_wiped("", || {
            drop(black_box([&[1; 7], mark.as_slice(), &[2; 5]].concat()))
        })
    });
    let looked_at = LOOKED_AT.load(Ordering::Relaxed);
    println!("{looked_at} blocks of freed memory were looked at");
    if !sees || looked_at < 100 {
        println!("FAILED: the check is blind");
    } else if !ok {
        println!("FAILED: a secret or a keyed state is freed without being wiped");
    }
    if ok && sees {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn verifier(secrets: &[String]) -> Verifier {
    let mut secrets = secrets.iter().map(|secret| Secret::new(secret).unwrap());
    let current = secrets.next().unwrap();
    secrets.fold(
        Verifier::new(SignatureFormat::Hex, &current),
        |verifier, secret| verifier.with_previous(&secret),
    )
}

/// Returns whether the memory that the work frees contains none of the bytes.
fn is_wiped(name: &str, work: impl FnOnce()) -> bool {
    let before = FOUND.load(Ordering::Relaxed);
    IS_LOOKING.store(true, Ordering::Relaxed);
    work();
    IS_LOOKING.store(false, Ordering::Relaxed);
    let found = FOUND.load(Ordering::Relaxed) - before;
    if !name.is_empty() {
        println!("{name}: {found} blocks with secrets");
    }
    found == 0
}

/// Returns the secret, its hash as a token, and both of its keyed HMAC states.
fn marks(secret: &str) -> Vec<Vec<u8>> {
    use sha2::Digest;

    assert!(secret.len() <= 64, "a longer key is hashed first");
    let keyed_with = |pad: u8| -> Vec<u8> {
        let mut block = [pad; 64];
        for (byte, secret) in block.iter_mut().zip(secret.bytes()) {
            *byte ^= secret;
        }
        let mut state = INITIAL_STATE;
        compress256(&mut state, &[block]);
        state.iter().flat_map(|word| word.to_ne_bytes()).collect()
    };
    vec![
        secret.as_bytes().to_vec(),
        sha2::Sha256::digest(secret).to_vec(),
        keyed_with(0x36),
        keyed_with(0x5c),
    ]
}

/// The initial state of SHA-256 (FIPS 180-4).
const INITIAL_STATE: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];
