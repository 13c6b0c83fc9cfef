//! Every answer that a power loss can be given, one after the other.

use super::*;

/// Answers to come, and how many there are to choose from at each question. The
/// last one is counted up first, as an odometer does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answers {
    path: Vec<(usize, usize)>,
    asked: usize,
    with_tears: bool,
}

impl Answers {
    /// Calls `run` with every combination of answers, tears within a page apart.
    pub(super) fn each(run: impl FnMut(&mut Answers)) {
        Answers::default().exhaust(run);
    }

    /// Calls `run` with every combination of answers.
    pub(super) fn each_with_tears(run: impl FnMut(&mut Answers)) {
        let answers = Answers {
            with_tears: true,
            ..Answers::default()
        };
        answers.exhaust(run);
    }

    fn exhaust(mut self, mut run: impl FnMut(&mut Answers)) {
        loop {
            self.asked = 0;
            run(&mut self);
            assert_eq!(
                self.asked,
                self.path.len(),
                "an answer was not asked for again"
            );
            while self
                .path
                .last()
                .is_some_and(|(answer, count)| answer + 1 == *count)
            {
                self.path.pop();
            }
            match self.path.last_mut() {
                Some((answer, _)) => *answer += 1,
                None => return,
            }
        }
    }

    fn choose(&mut self, count: usize) -> usize {
        if self.asked == self.path.len() {
            self.path.push((0, count));
        }
        let (answer, expected) = self.path[self.asked];
        assert_eq!(expected, count, "the same answers lead to other questions");
        self.asked += 1;
        answer
    }
}

impl PowerLoss for Answers {
    fn command(&mut self, _: CommandNumber, _: Submitter, _: &Submission) -> CommandFate {
        [CommandFate::Absent, CommandFate::Torn, CommandFate::Whole][self.choose(3)]
    }

    fn page(&mut self, _: PageIndex, versions: usize) -> PageFate {
        let answer = self.choose(versions + usize::from(self.with_tears));
        if answer == versions {
            PageFate::Torn
        } else {
            PageFate::Version(answer)
        }
    }

    fn sector(&mut self, _: PageIndex, _: usize, versions: usize) -> usize {
        self.choose(versions)
    }

    fn executes(&mut self, _: CommandNumber, _: Submitter, _: &Submission) -> bool {
        self.choose(2) == 1
    }
}

/// Calls `see` with the device after every possible loss of its power, tears
/// within a page apart.
pub(super) fn every_loss(device: &Device, mut see: impl FnMut(&Device)) {
    Answers::each(|answers| {
        let mut device = device.clone();
        device.lose_power(answers);
        see(&device);
    });
}
