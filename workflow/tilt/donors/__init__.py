"""Tables of donors: composition, pseudobulk, activity, the estimators of the imbalance."""
