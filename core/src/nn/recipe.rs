//! The checked recipe of local training.

use super::config::{LossKind, OptimizerKind, Schedule, TrainingConfig};
use super::loss::Loss;
use super::network::Network;
use super::values::{BatchSize, ClassWeights, Switch};

/// How a participant trains: a training section of which every value is in its range.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    config: TrainingConfig,
    loss: Loss,
    /// Epochs that earlier rounds trained, for the schedule.
    first_epoch: f64,
}

/// Why a training section is no recipe.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum RecipeError {
    /// A number outside of its range.
    #[error("`{key}` is {value}, but has to be {range}")]
    OutOfRange {
        /// Which key.
        key: &'static str,
        /// What was given.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// A value that the chosen optimizer does not know.
    #[error(
        "`{key}` is set, but the optimizer {optimizer} has no such thing: leave it out, or choose {instead}"
    )]
    NotForOptimizer {
        /// Which key.
        key: &'static str,
        /// The optimizer.
        optimizer: &'static str,
        /// One that has it.
        instead: &'static str,
    },
    /// Two keys of which one is of no use without the other.
    #[error("`{key}` is set, but `{needed}` is not: {why}")]
    Needs {
        /// Which key.
        key: &'static str,
        /// What it needs.
        needed: &'static str,
        /// Why.
        why: &'static str,
    },
    /// A list of weights for other classes than there are.
    #[error(
        "`class-weights` lists {found} weights, but the data has {classes} classes: give one for each of them"
    )]
    ClassWeightsCount {
        /// Classes of the data.
        classes: usize,
        /// How many weights are listed.
        found: usize,
    },
    /// Class weights where there are no classes.
    #[error("`class-weights` is set, but a number is to be predicted, not a class: leave it out")]
    ClassWeightsWithoutClasses,
    /// A way to train that reads the rows otherwise than one by one.
    #[error("`{key}` does not go with a promise to every single example: {why}")]
    NotByExample {
        /// Which key.
        key: &'static str,
        /// Why, and what to do.
        why: &'static str,
    },
    /// The loss has changed since the network was made.
    #[error("the recipe's loss is {found:?}, but the network was made for {expected:?}")]
    OtherLoss {
        /// The network's.
        expected: Loss,
        /// The recipe's.
        found: Loss,
    },
}

impl RecipeError {
    /// The key of the `[training]` section at which the mistake shows.
    pub fn key(&self) -> &'static str {
        match self {
            RecipeError::OutOfRange { key, .. }
            | RecipeError::NotForOptimizer { key, .. }
            | RecipeError::NotByExample { key, .. }
            | RecipeError::Needs { key, .. } => key,
            RecipeError::ClassWeightsCount { .. } | RecipeError::ClassWeightsWithoutClasses => {
                "class-weights"
            }
            RecipeError::OtherLoss { .. } => "loss",
        }
    }
}

impl Recipe {
    /// Checks a training section.
    pub fn new(config: &TrainingConfig) -> Result<Recipe, RecipeError> {
        check_loss(config)?;
        check_steps(config)?;
        check_optimizer(config)?;
        check_schedule(config)?;
        check_regularization(config)?;
        check_validation(config)?;
        let label_smoothing = config.label_smoothing as f32;
        let loss = match config.loss {
            LossKind::CrossEntropy => Loss::CrossEntropy { label_smoothing },
            LossKind::BinaryCrossEntropy => Loss::BinaryCrossEntropy { label_smoothing },
            LossKind::MeanSquaredError => Loss::MeanSquaredError,
            LossKind::MeanAbsoluteError => Loss::MeanAbsoluteError,
            LossKind::Huber => Loss::Huber { delta: config.huber_delta as f32 },
        };
        Ok(Recipe { config: config.clone(), loss, first_epoch: 0.0 })
    }

    /// Checks that it can train this network: that the loss is the network's and class weights name its classes.
    pub fn fits(&self, network: &Network) -> Result<(), RecipeError> {
        if self.loss != network.loss() {
            return Err(RecipeError::OtherLoss { expected: network.loss(), found: self.loss });
        }
        let classes = network.outputs();
        match &self.config.class_weights {
            ClassWeights::None => Ok(()),
            _ if !network.classifies() => Err(RecipeError::ClassWeightsWithoutClasses),
            ClassWeights::Given(weights) if weights.len() != classes => {
                Err(RecipeError::ClassWeightsCount { classes, found: weights.len() })
            }
            _ => Ok(()),
        }
    }

    /// The same recipe after so many epochs: where the schedule goes on. A round r of E epochs starts at (r - 1) E.
    pub fn from_epoch(&self, epochs: f64) -> Recipe {
        Recipe { first_epoch: epochs, ..self.clone() }
    }

    /// The training section that it was made from.
    pub fn config(&self) -> &TrainingConfig {
        &self.config
    }

    /// What training makes small.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// Passes over the rows in a round.
    pub fn epochs(&self) -> u32 {
        self.config.epochs
    }

    /// Rows a step.
    pub fn batch_size(&self) -> BatchSize {
        self.config.batch_size
    }

    /// The learning rate of a step from one point of this training to another, in epochs and their fractions. The
    /// schedule counts from where a step starts, so that a whole epoch has one rate; the warm-up counts to where it
    /// ends, so that no step is lost.
    pub(super) fn learning_rate(&self, start: f64, end: f64) -> f64 {
        let config = &self.config;
        let share = (self.first_epoch + start) / config.schedule_epochs;
        let factor = match config.schedule {
            Schedule::Constant => 1.0,
            Schedule::Step => libm::pow(config.schedule_factor, libm::floor(share)),
            Schedule::Exponential => libm::pow(config.schedule_factor, share),
            Schedule::Cosine => {
                let half = 0.5 * (1.0 + libm::cos(std::f64::consts::PI * share.min(1.0)));
                config.schedule_factor + (1.0 - config.schedule_factor) * half
            }
        };
        let end = self.first_epoch + end;
        let warm = if end < config.warm_up_epochs { end / config.warm_up_epochs } else { 1.0 };
        config.learning_rate * factor * warm
    }
}

fn check_loss(config: &TrainingConfig) -> Result<(), RecipeError> {
    below_one("label-smoothing", config.label_smoothing)?;
    above_zero("huber-delta", config.huber_delta)?;
    if config.label_smoothing > 0.0
        && !matches!(config.loss, LossKind::CrossEntropy | LossKind::BinaryCrossEntropy)
    {
        let why = "only the cross-entropies have labels to smooth";
        return Err(RecipeError::Needs { key: "label-smoothing", needed: "loss = \"cross-entropy\"", why });
    }
    if let ClassWeights::Given(weights) = &config.class_weights {
        weights.iter().try_for_each(|&weight| not_negative("class-weights", weight))?;
        let any = weights.iter().any(|&weight| weight > 0.0);
        in_range("class-weights", 0.0, any, "above 0 for at least one class")?;
    }
    Ok(())
}

fn check_steps(config: &TrainingConfig) -> Result<(), RecipeError> {
    at_least_one("epochs", config.epochs)?;
    match config.batch_size {
        BatchSize::Rows(rows) => at_least_one("batch-size", rows),
        BatchSize::Full => Ok(()),
    }
}

fn check_optimizer(config: &TrainingConfig) -> Result<(), RecipeError> {
    above_zero("learning-rate", config.learning_rate)?;
    below_one("momentum", config.momentum)?;
    below_one("beta1", config.beta1)?;
    below_one("beta2", config.beta2)?;
    below_one("decay-rate", config.decay_rate)?;
    above_zero("epsilon", config.epsilon)?;
    if config.optimizer != OptimizerKind::Sgd && config.momentum != 0.0 {
        let optimizer = config.optimizer.name();
        return Err(RecipeError::NotForOptimizer { key: "momentum", optimizer, instead: "sgd" });
    }
    if config.nesterov && config.momentum == 0.0 {
        let why = "it looks ahead along the momentum";
        return Err(RecipeError::Needs { key: "nesterov", needed: "momentum", why });
    }
    Ok(())
}

fn check_schedule(config: &TrainingConfig) -> Result<(), RecipeError> {
    above_zero("schedule-epochs", config.schedule_epochs)?;
    let factor = config.schedule_factor;
    let lowest = config.schedule == Schedule::Cosine || factor > 0.0;
    in_range(
        "schedule-factor",
        factor,
        (0.0..=1.0).contains(&factor) && lowest,
        "from 0 (cosine) or above 0 to 1",
    )?;
    not_negative("warm-up-epochs", config.warm_up_epochs)
}

fn check_regularization(config: &TrainingConfig) -> Result<(), RecipeError> {
    let penalties = [("weight-decay", config.weight_decay), ("l1", config.l1), ("l2", config.l2)];
    penalties.into_iter().try_for_each(|(key, value)| not_negative(key, value))?;
    for (key, shrink) in [("weight-decay", config.weight_decay), ("l2", 2.0 * config.l2)] {
        let range =
            "so small that, times the learning rate, it is below 1: a step would turn every weight around";
        let inside = shrink * config.learning_rate < 1.0;
        in_range(key, shrink, inside, range)?;
    }
    let limits =
        [("max-norm", config.max_norm), ("clip-norm", config.clip_norm), ("clip-value", config.clip_value)];
    for (key, limit) in limits {
        if let Switch::On(value) = limit {
            above_zero(key, value)?;
        }
    }
    Ok(())
}

fn check_validation(config: &TrainingConfig) -> Result<(), RecipeError> {
    below_one("validation-split", config.validation_split)?;
    let Switch::On(patience) = config.early_stopping else { return Ok(()) };
    at_least_one("early-stopping", patience)?;
    if config.validation_split == 0.0 {
        let why = "without rows kept back there is no validation loss to watch";
        return Err(RecipeError::Needs { key: "early-stopping", needed: "validation-split", why });
    }
    Ok(())
}

fn at_least_one(key: &'static str, value: u32) -> Result<(), RecipeError> {
    in_range(key, f64::from(value), value >= 1, "at least 1")
}

fn above_zero(key: &'static str, value: f64) -> Result<(), RecipeError> {
    // Steps are computed in single precision, where it has to be above 0 as well.
    let single = value as f32;
    in_range(key, value, single > 0.0 && single.is_finite(), "a number above 0 (in single precision)")
}

fn not_negative(key: &'static str, value: f64) -> Result<(), RecipeError> {
    in_range(key, value, value >= 0.0 && (value as f32).is_finite(), "a number of at least 0")
}

fn below_one(key: &'static str, value: f64) -> Result<(), RecipeError> {
    in_range(key, value, value >= 0.0 && (value as f32) < 1.0, "from 0 to below 1")
}

fn in_range(key: &'static str, value: f64, inside: bool, range: &'static str) -> Result<(), RecipeError> {
    if inside { Ok(()) } else { Err(RecipeError::OutOfRange { key, value, range }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::ModelConfig;

    fn made(change: impl FnOnce(&mut TrainingConfig)) -> Result<Recipe, RecipeError> {
        let mut config = TrainingConfig::default();
        change(&mut config);
        Recipe::new(&config)
    }

    type Change = fn(&mut TrainingConfig);

    #[test]
    fn values_out_of_their_range_are_refused_at_their_key() {
        let refusals: [(Change, &str); 24] = [
            (|training| training.epochs = 0, "epochs"),
            (|training| training.batch_size = BatchSize::Rows(0), "batch-size"),
            (|training| training.learning_rate = 0.0, "learning-rate"),
            (|training| training.learning_rate = -0.1, "learning-rate"),
            (|training| training.learning_rate = f64::NAN, "learning-rate"),
            (|training| training.learning_rate = 1e-60, "learning-rate"),
            (|training| training.momentum = 1.0, "momentum"),
            (|training| training.nesterov = true, "nesterov"),
            (|training| training.beta1 = 1.0, "beta1"),
            (|training| training.beta2 = -0.1, "beta2"),
            (|training| training.decay_rate = 1.0, "decay-rate"),
            (|training| training.epsilon = 0.0, "epsilon"),
            (|training| training.weight_decay = -1.0, "weight-decay"),
            (|training| training.weight_decay = 20.0, "weight-decay"),
            (|training| training.l1 = f64::INFINITY, "l1"),
            (|training| training.l2 = 10.0, "l2"),
            (|training| training.max_norm = Switch::On(0.0), "max-norm"),
            (|training| training.clip_norm = Switch::On(-1.0), "clip-norm"),
            (|training| training.clip_value = Switch::On(f64::NAN), "clip-value"),
            (|training| training.schedule_epochs = 0.0, "schedule-epochs"),
            (|training| training.schedule_factor = 0.0, "schedule-factor"),
            (|training| training.warm_up_epochs = -1.0, "warm-up-epochs"),
            (|training| training.validation_split = 1.0, "validation-split"),
            (|training| training.class_weights = ClassWeights::Given(vec![0.0, 0.0]), "class-weights"),
        ];
        for (change, key) in refusals {
            assert_eq!(made(change).unwrap_err().key(), key);
        }
    }

    #[test]
    fn keys_that_do_not_go_together_are_refused() {
        let momentum = made(|training| (training.optimizer, training.momentum) = (OptimizerKind::Adam, 0.9));
        assert!(matches!(momentum, Err(RecipeError::NotForOptimizer { key: "momentum", .. })));
        let stopping = made(|training| training.early_stopping = Switch::On(2));
        assert!(matches!(stopping, Err(RecipeError::Needs { key: "early-stopping", .. })));
        let smoothing = made(|training| (training.loss, training.label_smoothing) = (LossKind::Huber, 0.1));
        assert!(matches!(smoothing, Err(RecipeError::Needs { key: "label-smoothing", .. })));
    }

    #[test]
    fn class_weights_have_to_name_the_classes_of_the_network() {
        let recipe = made(|training| training.class_weights = ClassWeights::Given(vec![1.0; 4])).unwrap();
        let network = Network::new(&ModelConfig::default(), 2, 3, recipe.loss()).unwrap();
        assert_eq!(recipe.fits(&network), Err(RecipeError::ClassWeightsCount { classes: 3, found: 4 }));
        let recipe = made(|training| {
            (training.loss, training.class_weights) = (LossKind::Huber, ClassWeights::Balanced);
        });
        let recipe = recipe.unwrap();
        let number = Network::new(&ModelConfig::default(), 2, 1, recipe.loss()).unwrap();
        assert_eq!(recipe.fits(&number), Err(RecipeError::ClassWeightsWithoutClasses));
        assert!(matches!(recipe.fits(&network), Err(RecipeError::OtherLoss { .. })));
    }

    fn rates(change: impl FnOnce(&mut TrainingConfig), epochs: &[f64]) -> Vec<f64> {
        let recipe = made(|training| {
            (training.learning_rate, training.schedule_epochs, training.schedule_factor) = (1.0, 4.0, 0.25);
            change(training);
        });
        let recipe = recipe.unwrap();
        let rate = |&epochs: &f64| (recipe.learning_rate(epochs, epochs) * 1e6).round() / 1e6;
        epochs.iter().map(rate).collect()
    }

    #[test]
    fn schedules_follow_their_formulas() {
        let epochs = [0.0, 2.0, 4.0, 6.0, 8.0];
        assert_eq!(rates(|_| (), &epochs), [1.0; 5]);
        assert_eq!(
            rates(|training| training.schedule = Schedule::Step, &epochs),
            [1.0, 1.0, 0.25, 0.25, 0.0625]
        );
        let exponential = rates(|training| training.schedule = Schedule::Exponential, &epochs);
        assert_eq!(exponential, [1.0, 0.5, 0.25, 0.125, 0.0625]);
        let cosine = rates(|training| training.schedule = Schedule::Cosine, &epochs);
        assert_eq!(cosine, [1.0, 0.625, 0.25, 0.25, 0.25]);
        let warm = rates(|training| training.warm_up_epochs = 4.0, &[0.5, 2.0, 4.0, 5.0]);
        assert_eq!(warm, [0.125, 0.5, 1.0, 1.0]);
    }

    #[test]
    fn an_epoch_keeps_its_rate_to_its_last_step_and_a_warm_up_begins_with_the_first() {
        let recipe = made(|training| {
            (training.schedule, training.schedule_epochs) = (Schedule::Step, 1.0);
            training.learning_rate = 1.0;
        });
        assert_eq!(recipe.unwrap().learning_rate(0.9, 1.0), 1.0);
        let recipe = made(|training| (training.learning_rate, training.warm_up_epochs) = (1.0, 2.0)).unwrap();
        assert_eq!(recipe.learning_rate(0.0, 0.5), 0.25);
    }

    #[test]
    fn a_later_round_goes_on_along_the_schedule() {
        let recipe = made(|training| training.schedule = Schedule::Exponential).unwrap();
        assert_eq!(recipe.from_epoch(6.0).learning_rate(1.0, 1.5), recipe.learning_rate(7.0, 7.5));
    }
}
