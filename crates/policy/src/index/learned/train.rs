//! Trains a linear classifier: logistic regression over TF-IDF by stochastic gradient descent, judged by cross-validation.
//!
//! The order of the texts is drawn from a fixed seed: the same texts give the same judgement.

use super::features::{BUCKETS, Features};

/// Times over all texts, first step, strength of the pull towards zero.
const EPOCHS: usize = 40;
const STEP: f32 = 4.0;
const RIDGE: f32 = 1e-5;
/// Parts of the cross-validation.
const FOLDS: usize = 5;
/// What a threshold must reach among texts that were not learned from.
pub(crate) const LEAST_PRECISION: f64 = 0.9;
pub(crate) const LEAST_RECALL: f64 = 0.5;

/// A classifier.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Model {
    /// By bucket: how rare it is, and how much it speaks for the positive side.
    pub(crate) rarity: Vec<f32>,
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: f32,
}

/// How well it does on texts that it was not trained on.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Quality {
    /// Score from which on a text counts.
    pub threshold: f64,
    /// Share of the texts above it that are positive.
    pub precision: f64,
    /// Share of the positive texts that are above it.
    pub recall: f64,
    /// Texts of each side.
    pub positive: u64,
    /// See `positive`.
    pub negative: u64,
    /// Whether precision and recall suffice.
    pub good: bool,
}

impl Model {
    /// How sure it is that a text is positive, from 0 to 1.
    pub(crate) fn score(&self, text: &Features) -> f64 {
        f64::from(sigmoid(self.margin(&self.weighed(text))))
    }

    /// TF-IDF of length one.
    pub(crate) fn weighed(&self, text: &Features) -> Vec<(u32, f32)> {
        let mut all: Vec<(u32, f32)> = text
            .counts
            .iter()
            .map(|(bucket, count)| (*bucket, (1.0 + count.ln()) * self.rarity[*bucket as usize]))
            .collect();
        let length = all.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        all.iter_mut().for_each(|(_, weight)| *weight /= length);
        all
    }

    fn margin(&self, text: &[(u32, f32)]) -> f32 {
        text.iter().map(|(bucket, weight)| self.weights[*bucket as usize] * weight).sum::<f32>() + self.bias
    }

    /// Trains on texts and the side of each.
    pub(crate) fn train(texts: &[(&Features, bool)]) -> Self {
        let mut model = Self { rarity: rarity(texts), weights: vec![0.0; BUCKETS], bias: 0.0 };
        let weighed: Vec<(Vec<(u32, f32)>, bool)> =
            texts.iter().map(|(text, positive)| (model.weighed(text), *positive)).collect();
        // Both sides weigh the same, however many texts each has.
        let positive = texts.iter().filter(|(_, positive)| *positive).count().max(1) as f32;
        let negative = (texts.len() as f32 - positive).max(1.0);
        let balance = |side: bool| texts.len() as f32 / 2.0 / if side { positive } else { negative };
        let mut order: Vec<usize> = (0..texts.len()).collect();
        let mut random = Random(7);
        let mut shrunk = 1.0f32;
        for epoch in 0..EPOCHS {
            random.shuffle(&mut order);
            let step = STEP / (1.0 + epoch as f32 * 0.3);
            for at in &order {
                let (text, side) = &weighed[*at];
                // Weights are kept divided by `shrunk`: pulling all of them towards zero is one multiplication.
                let margin =
                    text.iter().map(|(bucket, weight)| model.weights[*bucket as usize] * weight).sum::<f32>()
                        * shrunk
                        + model.bias;
                let error = (f32::from(u8::from(*side)) - sigmoid(margin)) * balance(*side);
                shrunk *= 1.0 - step * RIDGE;
                let change = step * error;
                text.iter()
                    .for_each(|(bucket, weight)| model.weights[*bucket as usize] += change * weight / shrunk);
                model.bias += change * 0.1;
            }
        }
        model.weights.iter_mut().for_each(|weight| *weight *= shrunk);
        model
    }

    /// Precision and recall on texts that each fold was not trained on, at the lowest threshold that is good enough.
    pub(crate) fn judge(texts: &[(Features, bool)]) -> Quality {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        Random(11).shuffle(&mut order);
        // Each fold gets its share of both sides.
        order.sort_by_key(|at| texts[*at].1);
        let mut scores = Vec::with_capacity(texts.len());
        for fold in 0..FOLDS {
            let train: Vec<(&Features, bool)> = order
                .iter()
                .enumerate()
                .filter(|(at, _)| at % FOLDS != fold)
                .map(|(_, at)| (&texts[*at].0, texts[*at].1))
                .collect();
            let model = Self::train(&train);
            let held = order.iter().enumerate().filter(|(at, _)| at % FOLDS == fold);
            scores.extend(held.map(|(_, at)| (model.score(&texts[*at].0), texts[*at].1)));
        }
        quality(&scores)
    }
}

fn quality(scores: &[(f64, bool)]) -> Quality {
    let positive = scores.iter().filter(|(_, positive)| *positive).count() as u64;
    let negative = scores.len() as u64 - positive;
    let at = |threshold: f64| {
        let above = scores.iter().filter(|(score, _)| *score >= threshold).count();
        let right = scores.iter().filter(|(score, positive)| *score >= threshold && *positive).count();
        let precision = if above == 0 { 0.0 } else { right as f64 / above as f64 };
        let recall = right as f64 / (positive as f64).max(1.0);
        let good = precision >= LEAST_PRECISION && recall >= LEAST_RECALL;
        Quality { threshold, precision, recall, positive, negative, good }
    };
    let steps: Vec<Quality> = (10..20).map(|step| at(f64::from(step) / 20.0)).collect();
    // The lowest threshold with few false alarms; if there is none, the one that comes nearest.
    let chosen = steps.iter().find(|one| one.good && one.precision >= 0.98).or_else(|| {
        steps.iter().filter(|one| one.good).max_by(|one, other| one.precision.total_cmp(&other.precision))
    });
    let nearest = || {
        steps
            .iter()
            .max_by(|one, other| (one.precision * one.recall).total_cmp(&(other.precision * other.recall)))
    };
    chosen.or_else(nearest).copied().unwrap_or(at(0.5))
}

fn rarity(texts: &[(&Features, bool)]) -> Vec<f32> {
    let mut seen = vec![0u32; BUCKETS];
    texts.iter().flat_map(|(text, _)| &text.counts).for_each(|(bucket, _)| seen[*bucket as usize] += 1);
    let all = texts.len() as f32;
    seen.into_iter().map(|seen| ((1.0 + all) / (1.0 + seen as f32)).ln() + 1.0).collect()
}

fn sigmoid(margin: f32) -> f32 {
    1.0 / (1.0 + (-margin).exp())
}

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn shuffle(&mut self, all: &mut [usize]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.next() as usize % (at + 1));
        }
    }
}
