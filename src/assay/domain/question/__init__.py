"""The language of questions: fields and their rules, the types that authors write, the contract, and the strict reader."""
