"""The sliced head computes what plain autograd computes; clean text, middles and canvases are a mean each."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from training import loss
from training.batches import Term


def rows(count: int = 50, width: int = 12, vocabulary: int = 31) -> tuple[torch.Tensor, ...]:
    dice = torch.Generator().manual_seed(1)
    hidden = torch.randn(count, width, generator=dice, dtype=torch.float64).requires_grad_()
    embed = torch.randn(vocabulary, width, generator=dice, dtype=torch.float64).requires_grad_()
    labels = torch.randint(vocabulary, (count,), generator=dice)
    weights = torch.rand(count, generator=dice)
    weights[::7] = 0
    terms = torch.randint(len(Term), (count,), generator=dice)
    return hidden, embed, labels, weights, terms


def by_autograd(
    hidden: torch.Tensor, embed: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, terms: torch.Tensor,
    shares: loss.Weights,
) -> torch.Tensor:  # fmt: skip
    logits = hidden @ embed.T
    each = functional.cross_entropy(logits, labels, reduction="none")
    log_p = logits.log_softmax(-1)
    entropy = -(log_p.exp() * log_p).sum(-1) * (logits.argmax(-1) == labels)
    total = torch.zeros((), dtype=torch.float64)
    canvases = weights[terms >= Term.FILL].sum()
    for term, share in zip(Term, (shares.clean, shares.middle, shares.fill, shares.edit), strict=True):
        mine = terms == term
        weight = weights[mine].double() / (canvases if term >= Term.FILL else weights[mine].sum())
        total = total + share * (each[mine] * weight).sum()
        if term >= Term.FILL:
            total = total + share * shares.sharpen * (entropy[mine] * weight).sum()
    return total


@pytest.mark.parametrize("sharpen", [0.0, 0.7])
@pytest.mark.parametrize("size", [4096, 16])
def test_gradients_are_those_of_autograd(monkeypatch: pytest.MonkeyPatch, size: int, sharpen: float) -> None:
    monkeypatch.setattr(loss, "SLICE", size)
    hidden, embed, labels, weights, terms = rows()
    shares = loss.Weights(clean=0.3, middle=0.6, fill=1.0, edit=2.0, sharpen=sharpen)
    by_autograd(hidden, embed, labels, weights, terms, shares).backward()
    wanted = hidden.grad.clone(), embed.grad.clone()  # type: ignore[union-attr]
    hidden.grad = embed.grad = None
    ours, _ = loss.objective(hidden, embed, labels, weights, terms, shares)
    (3 * ours).backward()
    assert torch.allclose(hidden.grad / 3, wanted[0], atol=1e-6)  # type: ignore[operator]
    assert torch.allclose(embed.grad / 3, wanted[1], atol=1e-6)  # type: ignore[operator]


def test_the_reported_means_are_weighted_by_term() -> None:
    hidden, embed, labels, weights, terms = rows()
    total, sums = loss.objective(hidden, embed, labels, weights, terms, loss.Weights(1, 1, 1, 1))
    canvases = weights[terms >= Term.FILL].sum()
    share = [1, 1, *(weights[terms == term].sum() / canvases for term in (Term.FILL, Term.EDIT))]
    each = functional.cross_entropy(hidden @ embed.T, labels, reduction="none").float()
    for term in Term:
        mine = terms == term
        assert sums.loss[term].item() == pytest.approx(
            ((each * weights)[mine].sum() / weights[mine].sum()).item(), rel=1e-4
        )
        assert sums.asked[term].item() == int((weights[mine] > 0).sum())
    assert total.item() == pytest.approx(float((sums.loss * torch.tensor(share)).sum()), rel=1e-4)


@pytest.mark.parametrize("changes", [0, 5])
def test_a_slot_that_is_right_pulls_by_its_weight_whatever_is_asked_beside_it(changes: int) -> None:
    """Of a mean of their own such slots would have the same pull with any weight, where nothing is to be edited."""
    hidden, embed, labels, weights, _ = rows()
    terms = torch.full_like(labels, int(Term.FILL))
    terms[20:] = int(Term.EDIT)
    pulls = []
    for keep in (0.1, 0.4):
        weights[:20], weights[20:], weights[20 : 20 + changes] = 1.0, keep, 1.0
        hidden.grad = None
        loss.objective(hidden, embed, labels, weights, terms, loss.Weights())[0].backward()
        assert hidden.grad is not None
        lengths = hidden.grad.norm(dim=1)
        pulls.append(float(lengths[-1] / lengths[0]))
    assert pulls[1] == pytest.approx(4 * pulls[0], rel=1e-4)


def test_a_term_nobody_asks_about_costs_nothing() -> None:
    hidden, embed, labels, weights, _ = rows()
    terms = torch.full_like(labels, int(Term.FILL))
    total, sums = loss.objective(hidden, embed, labels, weights, terms, loss.Weights())
    assert torch.isfinite(total) and sums.loss[Term.EDIT] == 0 and sums.asked[Term.CLEAN] == 0


def test_a_frozen_head_gets_no_gradient() -> None:
    hidden, embed, labels, weights, terms = rows()
    embed = embed.detach()
    total, _ = loss.objective(hidden, embed, labels, weights, terms, loss.Weights())
    total.backward()
    assert hidden.grad is not None and embed.grad is None


def test_only_the_rows_that_learn_get_a_gradient() -> None:
    hidden, embed, labels, weights, terms = rows()
    loss.objective(hidden, embed, labels, weights, terms, loss.Weights())[0].backward()
    whole, of_hidden = embed.grad.clone(), hidden.grad.clone()  # type: ignore[union-attr]
    hidden.grad = embed.grad = None
    learning = torch.tensor([4, 9])
    loss.objective(hidden, embed, labels, weights, terms, loss.Weights(), learning=learning)[0].backward()
    assert embed.grad is not None and torch.equal(hidden.grad, of_hidden)  # type: ignore[arg-type]
    assert torch.allclose(embed.grad[learning], whole[learning]) and whole[learning].abs().min() > 0
    others = torch.ones(len(embed), dtype=torch.bool).scatter(0, learning, False)
    assert (embed.grad[others] == 0).all() and (whole[others] != 0).any()


def test_rows_of_weight_zero_change_nothing() -> None:
    hidden, embed, labels, weights, terms = rows()
    total, _ = loss.objective(hidden, embed, labels, weights, terms, loss.Weights())
    other = labels.clone()
    other[weights == 0] = 0
    again, _ = loss.objective(hidden, embed, other, weights, terms, loss.Weights())
    assert torch.equal(total, again)
