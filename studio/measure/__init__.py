"""Numbers from answers: probes are the questions, outcomes the answers, a report what they say."""
