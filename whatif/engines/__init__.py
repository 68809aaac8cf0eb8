"""The only room that talks to DoWhy, EconML and the learners: plain arrays and sets in and out."""
