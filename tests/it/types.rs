//! The public types have the traits that users expect of them.

use core::{fmt::Debug, hash::Hash};

use leadhook::{
    BodyVerifier, CredentialSource, DedupBy, Delivery, Envelope, EnvelopeKeys, Grader, Graphoid,
    Layout, Lead, MalformedSignature, NameError, PendingDelivery, Provider, RawJson, ReadError,
    Receiver, Rejection, RejectionKind, ScoreApp, Secret, SecretError, SecretErrorKind,
    SecretIndex, Signature, SignatureFormat, Signer, Tomba, Verifier, VerifyError,
    grader::{FormData, Grade, SubmissionEvent},
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupError, PhoneFinder,
        PhoneValidator, SaveLead,
    },
};

#[test]
fn all_public_types_can_be_sent_and_shared() {
    fn assert_send_sync<T: Send + Sync + 'static>() {}
    fn assert_error<T: core::error::Error + Send + Sync + 'static>() {}

    fn assert_provider<P: Provider>()
    where
        P::Event: Send + Sync + Clone + Debug + PartialEq,
    {
        assert_send_sync::<Receiver<P>>();
        assert_send_sync::<Delivery<P>>();
        assert_send_sync::<PendingDelivery<'static, P>>();
        assert_send_sync::<Signer<P>>();
        assert_send_sync::<Envelope<P::Event>>();
    }
    /// A provider that is neither `Send` nor `Sync`, whose deliveries are both.
    struct Local(#[expect(dead_code, reason = "only its type counts")] *const ());

    assert_provider::<Grader>();
    assert_provider::<Graphoid>();
    assert_provider::<ScoreApp>();
    assert_provider::<Tomba>();
    assert_send_sync::<Delivery<Local>>();
    assert_send_sync::<Receiver<Local>>();
    assert_send_sync::<Secret>();
    assert_send_sync::<Signature>();
    assert_send_sync::<Verifier>();
    assert_send_sync::<BodyVerifier>();
    assert_send_sync::<SignatureFormat>();
    assert_send_sync::<CredentialSource<'static>>();
    assert_send_sync::<Layout>();
    assert_send_sync::<EnvelopeKeys>();
    assert_send_sync::<DedupBy>();
    assert_send_sync::<Lead>();
    assert_send_sync::<RawJson>();
    assert_send_sync::<FormData>();
    assert_send_sync::<Grade>();
    assert_send_sync::<SubmissionEvent>();
    assert_send_sync::<(SaveLead, EmailVerifier, EmailFinder, AuthorFinder)>();
    assert_send_sync::<(DomainSearch, PhoneFinder, PhoneValidator, LookupError)>();
    assert_error::<SecretError>();
    assert_error::<SecretErrorKind>();
    assert_error::<VerifyError>();
    assert_error::<MalformedSignature>();
    assert_error::<ReadError>();
    assert_error::<NameError>();
    assert_error::<Rejection>();
    assert_error::<RejectionKind>();
}

#[test]
fn providers_and_facts_are_values() {
    fn assert_value<T: Copy + Debug + Eq + Hash>() {}
    fn assert_marker<T: Copy + Debug + Default + Ord + Hash + Send + Sync>() {}

    assert_marker::<Grader>();
    assert_marker::<Graphoid>();
    assert_marker::<ScoreApp>();
    assert_marker::<Tomba>();
    assert_value::<SignatureFormat>();
    assert_value::<SecretIndex>();
    assert_value::<CredentialSource<'static>>();
    assert_value::<Layout>();
    assert_value::<EnvelopeKeys>();
    assert_value::<DedupBy>();
    assert_value::<VerifyError>();
    assert_value::<MalformedSignature>();
    assert_value::<SecretErrorKind>();
    assert_value::<NameError>();
}
