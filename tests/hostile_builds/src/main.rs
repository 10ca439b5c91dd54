//! Reads every sample and some odd bodies, and prints every value that an application would see.
//!
//! `run.sh` compares the output of the builds.

use std::fmt::Debug;

use leadhook::{
    Delivery, Event, Grader, Graphoid, Provider, Receiver, ScoreApp, Secret, SignedProvider,
    Signer, Tomba, samples,
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupResult, PhoneFinder,
        PhoneValidator,
    },
};

/// Values that the features of `serde_json` read differently, and members in an unusual order.
const ODD: &[&str] = &[
    r#"{"event":"lead.won","data":{"lead":{"id":9007199254740991,"value":0.1,"name":"a"}}}"#,
    r#"{"event":"lead.won","data":{"lead":{"id":"1","value":123456789.123456789}}}"#,
    r#"{"data":{"z":1.10,"a":[1e2,-0.0,12345678901234567890123]},"event":"ticket.escalated","id":1.50}"#,
    r#"{"event":"lead.won","data":{"lead":{"id":"1","value":1e400}}}"#,
    r#"{"event":"submission.scored","data":{"submission":{"id":1,"score":87.5,"form_data":{"b":1.0,"a":2}}}}"#,
    r#"{"event_name":"QUIZ_FINISHED","data":{"id":"1","total_score":{"actual":67.25,"percent":"67.00"}}}"#,
    // A fraction where an object belongs.
    r#"{"event":"lead.won","data":{"lead":1.5}}"#,
    r#"{"event":"submission.scored","data":{"submission":{"id":1,"form_data":1.5},"grader":2.5,"routing":3.5}}"#,
    r#"{"event_name":"QUIZ_FINISHED","data":{"id":"1","total_score":1.5,"lowest_category":2.5,"quiz_questions":[3.5]}}"#,
];

/// The same for Tomba.
const ODD_LOOKUPS: &[&str] = &[
    r#"{"data":1.5}"#,
    r#"{"data":[1.5]}"#,
    r#"{"data":{"email":"a@b.c","phone_number":1.5,"verification":2.5,"info":3.5,"score":4.5}}"#,
    r#"{"data":null,"errors":1.5}"#,
];

fn main() {
    enveloped::<Grader>(samples::grader::ALL);
    enveloped::<Graphoid>(samples::graphoid::ALL);
    enveloped::<ScoreApp>(samples::scoreapp::ALL);
    for sample in samples::tomba::ALL {
        let secret = Secret::new("a token").unwrap();
        let receiver = Receiver::<Tomba>::header_token("x-token", &secret).unwrap();
        let delivery = receiver.authenticate(["a token"], sample.body()).unwrap();
        assert!(delivery.read().is_ok(), "{sample:?}");
        show::<<Tomba as Provider>::Event>(sample.name(), &delivery);
    }
    for body in ODD_LOOKUPS {
        let delivery = Delivery::<Tomba>::from_storage(*body);
        show::<<Tomba as Provider>::Event>(body, &delivery);
        show::<LookupResult<AuthorFinder>>(body, &delivery);
        show::<LookupResult<DomainSearch>>(body, &delivery);
        show::<LookupResult<EmailFinder>>(body, &delivery);
        show::<LookupResult<EmailVerifier>>(body, &delivery);
        show::<LookupResult<PhoneFinder>>(body, &delivery);
        show::<LookupResult<PhoneValidator>>(body, &delivery);
    }
    // A value that is not read, nested deeper than any limit.
    for depth in [100, 10_000] {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        let body =
            format!(r#"{{"event":"ticket.escalated","data":{open}{close},"x":{open}{close}}}"#);
        show::<<Graphoid as Provider>::Event>("deep", &Delivery::<Graphoid>::from_storage(body));
    }
}

fn enveloped<P: SignedProvider>(samples: &[samples::Sample<P>])
where
    P::Event: Debug,
{
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let receiver = Receiver::<P>::new(&secret);
    let signer = Signer::<P>::new(&secret);
    let receive = |body: &'static str| {
        let (_, header) = signer.header(body.as_bytes());
        receiver.authenticate([header], body).unwrap()
    };
    for sample in samples {
        let delivery = receive(sample.body());
        assert!(delivery.read().is_ok(), "{sample:?}");
        show::<P::Event>(sample.name(), &delivery);
    }
    for body in ODD {
        show::<P::Event>(body, &receive(body));
    }
}

fn show<E: Event + Debug>(name: &str, delivery: &Delivery<E::Provider>) {
    println!("{} {name}", E::Provider::NAME);
    match delivery.read_as::<E>() {
        Ok(envelope) => {
            println!("  unread {:?}", delivery.unread::<E>().map(|unread| unread.paths().to_vec()));
            println!("  event  {:?}", envelope.event);
            println!("  written {}", serde_json::to_string(&envelope).unwrap());
            println!(
                "  lead   {}",
                serde_json::to_string(&envelope.lead()).unwrap()
            );
        }
        Err(error) => println!("  error  {error}"),
    }
}
