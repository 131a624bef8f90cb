"""MLPClassifier as skl2onnx writes it. See imports.py."""

from imports import *

import skl2onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.neural_network import MLPClassifier
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler
import warnings

warnings.filterwarnings('ignore')
y3 = np.arange(EXAMPLES) % 3
network = lambda **o: MLPClassifier((5,), random_state=0, max_iter=30, **o)


def case(name, model, x, y, types=FloatTensorType, zipmap=False, word='', tolerance=SINGLE, says='', names=None, silent=''):
    model.fit(x, y)
    last = model[-1] if hasattr(model, 'steps') else model
    made = skl2onnx.convert_sklearn(model, initial_types=[('x', types([None, PIXELS]))], options={id(last): {'zipmap': zipmap}})
    path = os.path.join(directory, 'sklearn-' + name.replace(' ', '-') + '.onnx')
    open(path, 'wb').write(made.SerializeToString())
    if word:
        return refused(name, path, word)
    single = types is FloatTensorType
    p = onnx_output(path, x.astype(np.float32 if single else np.float64), 1)
    p = (
        np.array([list(row.values()) for row in p])
        if zipmap is True
        else (
            np.hstack([np.reshape(onnx_output(path, x.astype(np.float32), 1 + i), (-1, 1)) for i in range(len(np.unique(y)))])
            if zipmap == 'columns'
            else p
        )
    )
    same(name, path, p, tolerance, says=says, silent=silent)
    own = model.predict_proba(x)
    if np.abs(own - p).max() > 1e-4:
        print('  (onnxruntime and scikit-learn differ)')
    if names:
        shown = run('summary', path + '.mlp')[1]
        report(name + ': names', '' if names in shown else shown)


for activation in ('identity', 'logistic', 'tanh', 'relu'):
    for zipmap in (True, False):
        case(f'{activation} zipmap {zipmap}', network(activation=activation), scaled, y3, zipmap=zipmap)
case('zipmap columns', network(), scaled, y3, zipmap='columns', word='')
case('several layers', MLPClassifier((6, 5, 4), random_state=0, max_iter=30), scaled, y3)
case('double', network(), scaled, y3, types=DoubleTensorType)
text = np.array(['owl', 'cat', 'dog'])[y3]
case('text labels', network(), scaled, text, names='cat, dog, owl', silent='class names 0')
case('text labels with zipmap', network(), scaled, text, zipmap=True, names='cat, dog, owl')
case('labels 3 5 7', network(), scaled, 3 + 2 * y3, names='3, 5, 7')
case('labels in double', network(), scaled, 3.0 + 2 * y3, names='3, 5, 7')
case('labels of bool', network(), scaled, y3 == 1)
case('two classes', network(), scaled, y3 % 2)
case('two classes zipmap', network(), scaled, text == 'cat', zipmap=True)
case('two text classes', network(), scaled, np.where(text == 'cat', 'yes', 'no'), names='no, yes')
case('two text classes zipmap', network(), scaled, np.where(text == 'cat', 'yes', 'no'), zipmap=True, names='no, yes')
case('two classes logistic', network(activation='logistic'), scaled, y3 % 2)
case('StandardScaler', make_pipeline(StandardScaler(), network()), scaled, y3)
case('StandardScaler double', make_pipeline(StandardScaler(), network()), scaled, y3, types=DoubleTensorType)
case('StandardScaler raw', make_pipeline(StandardScaler(), network()), raw, y3, says='0 to 255')
case('StandardScaler without mean', make_pipeline(StandardScaler(with_mean=False), network()), raw, y3, says='0 to 255')
case(
    'StandardScaler without std',
    make_pipeline(StandardScaler(with_std=False), MLPClassifier((5,), random_state=0, max_iter=3, learning_rate_init=1e-5)),
    raw,
    y3,
    says='0 to 255',
)
case('MinMaxScaler', make_pipeline(MinMaxScaler(), network()), raw, y3, says='0 to 255')
case('MinMaxScaler clip', make_pipeline(MinMaxScaler(clip=True), network()), raw, y3, word='Clip')
case('MinMaxScaler in [0, 1]', make_pipeline(MinMaxScaler(), network()), scaled, y3)
case('MaxAbsScaler', make_pipeline(MaxAbsScaler(), network()), raw, y3, says='0 to 255')
case('RobustScaler', make_pipeline(RobustScaler(), network()), raw, y3, says='0 to 255')
case('two scalers', make_pipeline(MinMaxScaler(), StandardScaler(), network()), raw, y3, says='0 to 255')
case('Normalizer', make_pipeline(Normalizer(), network()), scaled, y3, word='Normalizer')
case('PCA', make_pipeline(PCA(4), network()), scaled, y3, word='identity and relu')
import pickle, joblib

model = network().fit(scaled, y3)
for name, word in [
    ('model.pkl', 'skl2onnx'),
    ('model.joblib', 'skl2onnx'),
    ('model.joblib.gz', 'skl2onnx'),
    ('model.joblib.z', 'skl2onnx'),
    ('model.joblib.bz2', 'skl2onnx'),
    ('model.joblib.xz', 'skl2onnx'),
]:
    path = os.path.join(directory, name)
    pickle.dump(model, open(path, 'wb')) if name.endswith('pkl') else joblib.dump(model, path)
    refused(name, path, word)
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

made = skl2onnx.convert_sklearn(LogisticRegression(max_iter=20).fit(scaled, y3), initial_types=[('x', FloatTensorType([None, PIXELS]))])
path = os.path.join(directory, 'logistic-regression.onnx')
open(path, 'wb').write(made.SerializeToString())
refused('LogisticRegression', path, 'LinearClassifier')
made = skl2onnx.convert_sklearn(
    MLPClassifier((5,), max_iter=5).fit(scaled, np.stack([y3 > 0, y3 > 1], 1)), initial_types=[('x', FloatTensorType([None, PIXELS]))]
)
path = os.path.join(directory, 'multilabel.onnx')
open(path, 'wb').write(made.SerializeToString())
refused('several labels', path, 'expected')
close()
