//! Why two values of a plan do not go together, and how to mend it.

/// Why two values do not go together.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum Conflict {
    /// A round could never reach its minimum.
    #[error(
        "a round asks for {wanted} of {clients} clients and needs {minimum}, so none would ever be released; \
         lower the minimum or raise the fraction"
    )]
    MinimumAboveCohort {
        /// How many contributions a round wants.
        wanted: u32,
        /// How many clients there are.
        clients: u32,
        /// How many contributions a round needs.
        minimum: u32,
    },
    /// The first round could never open.
    #[error("the federation waits for {wait_for} clients and has places for {clients}; lower wait-for")]
    WaitsForMoreThanThereAre {
        /// How many it waits for.
        wait_for: u32,
        /// How many there can be.
        clients: u32,
    },
    /// The sum of a round could overflow.
    #[error(
        "{selected} updates of weight up to {cap} exceed what an exact sum can hold, {limit} in all; \
         lower the cap to {largest}"
    )]
    WeightBeyondSum {
        /// How many updates a round can have.
        selected: u32,
        /// The largest weight of one.
        cap: u32,
        /// The most weight in one sum.
        limit: u64,
        /// The largest cap that would do.
        largest: u64,
    },
    /// Everybody, but not everybody.
    #[error(
        "\"all\" asks every client in every round; leave the fraction at 1, or sample \"fixed\" or \"poisson\""
    )]
    AllButAFraction,
    /// Asking more clients than are wanted, by coins.
    #[error(
        "a Poisson cohort is everybody whose coin says so, none is asked in reserve; leave over-selection at 1, or sample \
         \"fixed\""
    )]
    ReserveByCoins,
    /// Weights without a bound.
    #[error(
        "an update of weight n moves the sum by n times the clip, and without a cap nothing bounds n: the clip would not \
         be the sensitivity; give a weight-cap, or weigh uniformly"
    )]
    WeightsWithoutCap,
    /// Correlated noise, and nobody to correlate it.
    #[error(
        "noise is correlated by the coordinator, which remembers what it added before; remove matrix, or set noise-at = \
         \"coordinator\""
    )]
    MatrixWithoutCoordinator,
    /// Correlated noise for several clips.
    #[error(
        "noise that takes back earlier noise is made for one clip; remove adaptive-clip, or remove matrix"
    )]
    MatrixOfOneClip,
    /// Correlated noise and coins.
    #[error(
        "clients rest between participations, and coins let nobody rest; sample \"fixed\" or \"all\", or remove matrix"
    )]
    MatrixByCoins,
    /// Two kinds of memory.
    #[error(
        "both bands and buffers are given; give one: how far the noise reaches back, or how many buffers hold it"
    )]
    BandsAndBuffers,
    /// Too few clients for the rest that each is promised.
    #[error(
        "a round asks {asked} of {clients} clients, and so that they rest and nobody takes part too often there must be \
         {needed}; lower the fraction or the separation, or allow more participations"
    )]
    TooFewToRest {
        /// How many clients a round asks.
        asked: u64,
        /// How many clients there are.
        clients: u64,
        /// How many there would have to be.
        needed: u64,
    },
    /// What protects clients as a whole, for examples.
    #[error("it is a way to protect clients as a whole; remove it, or set unit = \"client\"")]
    OfWholeClients,
    /// Votes that weigh.
    #[error(
        "each participant has one vote on the clip, and a weighted vote would move the count by more than its noise \
         hides; weigh uniformly, or remove adaptive-clip"
    )]
    WeightedVotes,
    /// Weights that leave the participant.
    #[error(
        "each participant noises its own update, and its weight would leave it bare; weigh uniformly, or let the \
         coordinator add the noise"
    )]
    BareWeights,
    /// Sampling that depends on who is fast.
    #[error(
        "who is counted would depend on who is fast, not on the draw alone, and the accountant assumes the draw; leave \
         over-selection at 1"
    )]
    SpeedDecides,
    /// Sampling from an unknown number.
    #[error(
        "the accountant assumes that {wanted} of {clients} clients are drawn, and a round could draw from {wait_for}; \
         wait for all clients, or sample \"poisson\""
    )]
    PopulationVaries {
        /// How many a round draws.
        wanted: u32,
        /// How many clients there are.
        clients: u32,
        /// From how many it could draw.
        wait_for: u32,
    },
    /// Poisson cohorts often too small.
    #[error(
        "a Poisson cohort of {wanted} clients on average has fewer than {minimum} too often: that a round is not released \
         tells who is in it, and costs more than half of delta; lower the minimum (0 releases noise alone)"
    )]
    MinimumTells {
        /// How many a round draws on average.
        wanted: u32,
        /// How many contributions a round needs.
        minimum: u32,
    },
    /// Noise that dropouts would take away.
    #[error(
        "the shares of {shares} participants carry the whole noise, and a round can be released with {minimum} that add \
         theirs: it could have less noise than is promised; lower noise-shares, or raise the minimum"
    )]
    SharesAboveMinimum {
        /// How many shares carry the noise.
        shares: u32,
        /// How many participants that add theirs a round has at the least.
        minimum: u32,
    },
    /// Shares, and nobody to share.
    #[error(
        "only noise at the clients is added in shares; remove noise-shares, or set noise-at = \"clients\""
    )]
    SharesWithoutClients,
    /// Neither noise nor a target.
    #[error("say how much noise there is, or which epsilon it is to be found for: give one of the two")]
    NeitherNoiseNorTarget,
    /// Private rows without a promise.
    #[error(
        "a private row keeps the promise of [privacy], and the plan makes none; add [privacy], or remove the \
         targets"
    )]
    NothingToCompare,
    /// Even the first round is too much.
    #[error("the first round would already pass the target; add noise, or allow a larger epsilon")]
    FirstRoundPasses,
    /// Noise that the grid does not hold.
    #[error(
        "noise of {deviation:.3e} grid steps cannot be drawn: it must lie between 4 and 67,108,863; give the encoding fewer \
         fraction bits if it is more, and more if it is less"
    )]
    NoiseOffGrid {
        /// Its standard deviation.
        deviation: f64,
    },
    /// A target whose noise the grid does not hold.
    #[error(
        "the noise that it takes, {deviation:.3e} grid steps, cannot be drawn: the most is 67,108,863; raise the target, or \
         give the encoding fewer fraction bits"
    )]
    TargetOffGrid {
        /// The noise's standard deviation.
        deviation: f64,
    },
    /// A clip below one step.
    #[error("the clip is less than one step of the grid; give the encoding more fraction bits")]
    ClipBelowStep,
    /// Noised updates that the grid does not hold.
    #[error(
        "a clipped and noised coordinate can be as large as {most:.3}, and the grid ends at {largest:.3}; give the \
         encoding fewer fraction bits, or less noise (a larger epsilon takes less)"
    )]
    NoisedBeyondGrid {
        /// Thirteen deviations beyond the clip.
        most: f64,
        /// The largest magnitude on the grid.
        largest: f64,
    },
    /// Weights that tell how many rows a client has.
    #[error(
        "an update would weigh the number of rows of its client, and no noise covers that; weigh uniformly"
    )]
    WeightsTellRows,
    /// Noise elsewhere than in the steps.
    #[error(
        "single examples are protected by noise in every step of local training, added by the client itself; \
         leave noise-at out"
    )]
    NoiseInSteps,
    /// Features that depend on other rows.
    #[error(
        "the mean and deviation of a client's own rows make every example's features depend on all its others, and no \
         noise covers that; standardize by \"plan\", with references that are public, or \"none\""
    )]
    StatisticsOfOwnRows,
    /// Columns that depend on other rows.
    #[error(
        "the categories of {undeclared} would be collected from the rows, and tell which there are, whatever the clip and the \
         noise; declare them in the schema"
    )]
    CategoriesOfOwnRows {
        /// The columns.
        undeclared: String,
    },
    /// A number of rows, and no use for it.
    #[error(
        "a rate for drawing examples is needed only where single examples are protected; remove rows-per-client, or set unit = \"example\""
    )]
    RowsWithoutExamples,
    /// A bound on coordinates that the clip bounds.
    #[error("the clip bounds every coordinate already; remove the largest, or the promise of privacy")]
    LargestBesideClip,
    /// Masks for participants that are not waited for.
    #[error(
        "a masked round asks nobody in reserve: whoever it does not wait for has dropped out, and its masks must be taken \
         off; leave over-selection at 1, dropout-fraction says how many may vanish"
    )]
    ReserveUnderMasks,
    /// Nothing to hide among.
    #[error("a round asks {asked} clients, and a sum of fewer than {fewest} hides nobody; ask more clients")]
    NobodyHides {
        /// How many clients a round asks.
        asked: u32,
        /// How many it must ask at the least.
        fewest: u32,
    },
    /// Rounds that could never be unmasked.
    #[error(
        "with {asked} clients in a round, {threshold} of a client's neighbours must be there to take off a mask, and \
         {minimum} contributions are too few for that; raise the minimum to {least}"
    )]
    MinimumBelowThreshold {
        /// How many clients a round asks.
        asked: u32,
        /// The threshold of the shares.
        threshold: u32,
        /// How many contributions a round needs.
        minimum: u32,
        /// How many it must need.
        least: u32,
    },
    /// Words too narrow for the sum.
    #[error(
        "a sum can be as large as {largest:.3e} steps of the grid, which {bits} bits do not tell apart; allow {needed} bits, \
         or make the grid coarser (fraction-bits), updates smaller (largest, or a clip) or weights lower (weight-cap)"
    )]
    SumBeyondRing {
        /// How large it can be.
        largest: f64,
        /// How many bits were allowed.
        bits: u32,
        /// How many it takes.
        needed: u32,
    },
    /// Noise that is sized for the honest ones of a cohort of any size.
    #[error(
        "under masks the clients' noise is sized for the adversaries among those that a round asks, and a draw by coins \
         may ask more; sample \"fixed\": no draw hides anybody from the participants of a masked round"
    )]
    NoiseOfAnyCohort,
    /// Noise that might be nobody's.
    #[error(
        "{adversaries} of {asked} clients may be adversaries, who need not add their noise, and a round is released with \
         {minimum}; raise the minimum above that, or assume a smaller adversarial-fraction"
    )]
    NoiseOfAdversaries {
        /// How many may be adversaries.
        adversaries: u32,
        /// How many clients a round asks.
        asked: u32,
        /// How many contributions a round needs.
        minimum: u32,
    },
    /// A cap without anything to cap.
    #[error("every update weighs 1, so there is nothing to cap; remove the cap, or weigh by examples")]
    CapWithoutExamples,
}
