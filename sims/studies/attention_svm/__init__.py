"""stub for experiments."""
from sims.studies.attention_svm import sweeps
from sims.study import Study
study = Study("a","b","tarzanagh2023svm",sweeps.sweeps,(),None,None,None)
