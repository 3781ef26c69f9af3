"""redraft's engine: canvas in, canvas out. It knows no text, no editor and no files but the model's."""

from engine.canvas import Canvas, ControlIds
from engine.denoiser import Context, Denoiser, Draft, Prediction, Stream
from engine.engine import Engine
from engine.mode import CAUSAL, QUALITY, SPEEDY, Mode, Modes
from engine.refine import Change
from engine.scheduler import Priority
from engine.scripted import ScriptedDenoiser
from engine.task import Candidate, Cost, Generation, Steering, Step, Task, Vocabulary

__all__ = [
    "CAUSAL",
    "QUALITY",
    "SPEEDY",
    "Candidate",
    "Canvas",
    "Change",
    "Context",
    "ControlIds",
    "Cost",
    "Denoiser",
    "Draft",
    "Engine",
    "Generation",
    "Mode",
    "Modes",
    "Prediction",
    "Priority",
    "ScriptedDenoiser",
    "Steering",
    "Step",
    "Stream",
    "Task",
    "Vocabulary",
]
